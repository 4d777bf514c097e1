// The C interface of CLIPS 6.30. Only environment*.cpp include this: its macros (TRUE, STRING, ...) go no further.
#pragma once

extern "C" {
#include <clips/clips.h>
}
