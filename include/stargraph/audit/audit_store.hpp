// Where other modules look for a module's migrations; the outbox is all that audit keeps in the database.
#pragma once

#include "stargraph/audit/outbox.hpp"
