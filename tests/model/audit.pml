/*
 * How an act comes into the audit log and stays there, searched exhaustively by spin (model_test.py runs it).
 *
 * Three programs: the daemon, whose transaction writes an act and its outbox row; stargraph-auditd, which appends, syncs
 * and acknowledges (docs/formats/audit-socket.md); two importers (stargraph-pack), which hold the database's lock while
 * they ask for a receipt and commit act and receipt together, and complete what was interrupted before anything else
 * (docs/formats/trust.md). Any of them crashes at any step,
 * connections break with what was in flight, and a crash of the writer keeps any prefix of what was not synced: that is
 * a power cut, a failed fdatasync and kill -9 in one.
 *
 * To hold, when all has come to rest: the log has each committed act of the daemon exactly once, in the order of the
 * commits, and nothing else of it; each act of trust in the database has its receipt's entry in the log, in order, and
 * the log has no other act of trust: none was said twice and none hidden. On the way: no FORK, no GAP, no deadlock.
 *
 * RESENDS: a daemon that does not believe the first head and sends again all that its outbox holds, as the socket's document
 * allows; the writer must know each repeat.
 *
 * Each BUG_ is a mistake that somebody could make in the code; the model finds it or the model is worth nothing.
 */

#ifndef ACTS
#define ACTS 3 /* of the daemon */
#endif
#ifndef IMPORTERS
#define IMPORTERS 0
#endif
#ifndef WRITER_CRASHES
#define WRITER_CRASHES 2
#endif
#ifndef DAEMON_CRASHES
#define DAEMON_CRASHES 2
#endif
#ifndef IMPORTER_CRASHES
#define IMPORTER_CRASHES 1
#endif
#ifndef LINK_LOSSES
#define LINK_LOSSES 1
#endif

#define MAX 12    /* entries the log has room for */
#define TRUST 32  /* entries of the importers are TRUST + 2 * act + importer; of the daemon, the act itself */
#define WINDOW 2  /* records sent and not acknowledged */

/* The log: entry[0 .. synced) is on disk, up to `written` in the kernel's cache, up to `total` in the writer's memory. */
byte entry[MAX];
byte total, written, synced;
byte last_daemon, last_trust; /* the last source_seq of each source, as the writer knows it */
byte writer_crashes = WRITER_CRASHES;

/* The daemon's database. A transaction that did not commit takes its act and its number with it. */
byte act[ACTS + 2]; /* by source_seq: which act; no two that were ever begun are the same */
byte committed;     /* the last source_seq given */
byte first = 1;     /* the first row still in the outbox */

/* entries.sock */
bool linked;
chan to_writer = [WINDOW] of { byte, byte }; /* source_seq, act */
chan to_daemon = [WINDOW] of { byte };       /* a head: the last source_seq on disk */

/* trust.sock, and the tables of the importers */
chan ask[2] = [1] of { byte, byte };  /* source_seq, entry */
chan answer[2] = [1] of { byte };     /* the source_seq that has a receipt, or 0: conflict */
chan orphan = [1] of { byte, byte };  /* what an importer sent before it crashed; another connection does not wait for it */
byte owes[2];                         /* receipts that the writer owes */
bool cut_off[2];
byte holder;                          /* of the database's lock: importer + 1 */
byte acts;                            /* acts of trust in the database */
byte receipt[8], owner[8];
byte importers_done;

#ifdef BUG_ACKNOWLEDGE_BEFORE_SYNC
#define ON_DISK (written == total)
#else
#define ON_DISK (synced == total)
#endif

inline append(what)
{
  assert(total < MAX);
  entry[total] = what;
  total++
}

/* The writer's end is gone, and with it what was on the way to it. */
inline break_link()
{
  linked = false;
  do
  :: len(to_writer) > 0 -> to_writer?_, _
  :: len(to_daemon) > 0 -> to_daemon?_
  :: else -> break
  od
}

/* The daemon's end is gone: answers are lost, but what it sent may still be read, before the next may connect. */
inline hang_up()
{
  linked = false;
  do
  :: len(to_daemon) > 0 -> to_daemon?_
  :: else -> break
  od
}

inline cut_off_importers()
{
  do
  :: len(ask[0]) > 0 -> ask[0]?_, _
  :: len(ask[1]) > 0 -> ask[1]?_, _
  :: len(answer[0]) > 0 -> answer[0]?_
  :: len(answer[1]) > 0 -> answer[1]?_
  :: len(orphan) > 0 -> orphan?_, _
  :: else -> break
  od;
  cut_off[0] = true;
  cut_off[1] = true
}

/* What a start reads back from the log's tail. */
inline read_back()
{
  last_daemon = 0;
  last_trust = 0;
  index = 0;
  do
  :: index < total ->
    if
    :: entry[index] >= TRUST -> last_trust++
    :: else -> last_daemon++
    fi;
    index++
  :: else -> break
  od;
  index = 0
}

/* The entry of the daemon's n-th record: is it the same act? */
inline compare(number, what)
{
  index = 0;
  seen = 0;
  do
  :: entry[index] < TRUST ->
    seen++;
    if
    :: seen == number -> break
    :: else -> index++
    fi
  :: else -> index++
  od;
  assert(entry[index] == what); /* FORK */
  index = 0;
  seen = 0
}

active proctype Writer()
{
  byte number, what, kept, index, seen;
  bool owes_head;

end:
  do
  :: atomic {
      to_writer?number, what;
      if
      :: number == last_daemon + 1 -> append(what); last_daemon++
#ifdef BUG_REPEATS_ARE_NEW
      :: number <= last_daemon -> append(what); last_daemon++
#else
      :: number <= last_daemon -> compare(number, what)
#endif
      :: else -> assert(false) /* GAP: the outbox gave away what the log never had */
      fi;
      owes_head = true;
      number = 0;
      what = 0
    }
#if IMPORTERS > 0
  :: atomic {
      if
      :: ask[0]?number, what -> index = 0
      :: ask[1]?number, what -> index = 1
      fi;
      if
#ifndef BUG_IMPORTERS_RACE
      :: number != last_trust + 1 -> answer[index]!0
#endif
      :: else -> append(what); last_trust++; owes[index] = number
      fi;
      number = 0;
      what = 0;
      index = 0
    }
  :: atomic {
      orphan?number, what;
      if
      :: number == last_trust + 1 -> append(what); last_trust++
      :: else
      fi;
      number = 0;
      what = 0
    }
  :: atomic { ON_DISK && owes[0] -> answer[0]!owes[0]; owes[0] = 0 }
  :: atomic { ON_DISK && owes[1] -> answer[1]!owes[1]; owes[1] = 0 }
#endif
  :: atomic { written < total -> written = total }
  :: atomic { synced < written && written == total -> synced = written }
  :: atomic {
      ON_DISK && owes_head && linked && nfull(to_daemon) ->
      to_daemon!last_daemon;
      owes_head = false
    }
  :: atomic {
      writer_crashes > 0 ->
      writer_crashes--;
      kept = synced;
      do
      :: kept < written -> kept++
      :: break
      od;
      do
      :: total > kept -> total--; entry[total] = 0
      :: else -> break
      od;
      kept = 0;
      owes_head = false;
      owes[0] = 0;
      owes[1] = 0;
      break_link();
      cut_off_importers();
      /* The next start verifies what is there and syncs its own first entries behind it. */
      read_back();
      written = total;
      synced = total
    }
  od
}

active proctype Daemon()
{
  byte begun, working, sent, acknowledged, head;
  byte crashes = DAEMON_CRASHES, losses = LINK_LOSSES;

  do
  :: atomic { committed < ACTS && working == 0 -> begun++; working = begun }
  :: atomic { working != 0 -> committed++; act[committed] = working; working = 0 }

  :: atomic {
      !linked && ON_DISK && empty(to_writer) ->
      linked = true;
#ifdef RESENDS
      acknowledged = first - 1;
#else
      acknowledged = last_daemon; /* the head that answers "hello" */
#endif
      sent = acknowledged;
      assert(acknowledged <= committed); /* FORK: an older database was put back */
      assert(first <= acknowledged + 1)  /* GAP: an older log was put back */
    }
  :: atomic {
      linked && sent < committed && sent - acknowledged < WINDOW && nfull(to_writer) ->
      sent++;
      assert(sent >= first); /* the row is still there */
      to_writer!sent, act[sent];
#ifdef BUG_DELETE_WHEN_SENT
      first = sent + 1
#endif
    }
#ifdef BUG_SEND_BEFORE_COMMIT
  :: atomic {
      linked && working != 0 && sent == committed && sent - acknowledged < WINDOW && nfull(to_writer) ->
      sent++;
      to_writer!sent, working
    }
#endif
  :: atomic {
      to_daemon?head;
      if
      :: head > acknowledged -> acknowledged = head
      :: else
      fi;
      head = 0
    }
  /* Acknowledged rows are deleted later, by a transaction of its own that a crash may lose. */
  :: atomic {
      linked && acknowledged >= first ->
      first = acknowledged + 1;
      if
      :: sent < acknowledged -> sent = acknowledged
      :: else
      fi
    }

  :: atomic { linked && losses > 0 -> losses--; break_link() }
  :: atomic { linked && losses > 0 -> losses--; hang_up() }
  :: atomic { crashes > 0 -> crashes--; working = 0; sent = 0; acknowledged = 0; hang_up() }
  :: atomic { committed == ACTS && first == ACTS + 1 -> break }
  od
}

#if IMPORTERS > 0
byte importer_crashes = IMPORTER_CRASHES;

/* An importer that ends without its commit: the lock is free, its connection gone, and root does it again. */
inline give_up()
{
  if
  :: holder == me + 1 -> holder = 0
  :: else
  fi;
  if
  :: len(ask[me]) > 0 -> ask[me]?_, _
  :: len(ask[me]) > 0 && len(orphan) == 0 -> ask[me]?sent, entry_sent; orphan!sent, entry_sent
  :: else
  fi;
  if
  :: len(answer[me]) > 0 -> answer[me]?_
  :: else
  fi;
  owes[me] = 0;
  number = 0;
  mine = 0;
  got = 0;
  sent = 0;
  entry_sent = 0
}

/* The n-th entry of the importers in the log, into `found`. */
inline find_trust(n)
{
  place = 0;
  counted = 0;
  do
  :: place < total && entry[place] >= TRUST && counted + 1 == n -> found = entry[place]; break
  :: place < total && entry[place] >= TRUST && counted + 1 < n -> counted++; place++
  :: place < total && entry[place] < TRUST -> place++
  od;
  place = 0;
  counted = 0
}

active [IMPORTERS] proctype Importer()
{
  byte me = _pid - 2, number, mine, got, sent, entry_sent, found, place, counted;

again:
  atomic { ON_DISK -> cut_off[me] = false; number = last_trust + 1 }
#ifndef BUG_NO_LOCK
  atomic { holder == 0 -> holder = me + 1; mine = acts + 1 }
#else
  mine = acts + 1;
#endif
  /* Under the lock: does the log have an act that the database lost? It was this importer's: its receipt is given again. It
     was another's: nothing is done before that one was completed. */
  if
  :: atomic { importer_crashes > 0 -> importer_crashes--; give_up(); goto again }
  :: atomic { cut_off[me] -> give_up(); goto again }
  :: atomic {
      !cut_off[me] && ON_DISK ->
      number = last_trust + 1;
#ifndef BUG_HIDES
      if
      :: last_trust > receipt[acts] ->
        find_trust(last_trust);
        if
        :: found == TRUST + 2 * mine + me -> got = last_trust; found = 0; goto store
        :: else -> found = 0; give_up(); goto again
        fi
      :: else
      fi
#endif
    }
  fi;
request:
  if
  :: atomic { importer_crashes > 0 -> importer_crashes--; give_up(); goto again }
  :: atomic { cut_off[me] -> give_up(); goto again }
  :: atomic { !cut_off[me] -> ask[me]!number, TRUST + 2 * mine + me }
  fi;
  do
  :: atomic { importer_crashes > 0 -> importer_crashes--; give_up(); goto again }
  :: atomic { cut_off[me] -> give_up(); goto again }
  :: atomic { answer[me]?got -> break }
  od;
store:
  if
  :: atomic { got == 0 -> give_up(); goto again } /* conflict: an entry came in between; look again */
  :: atomic { got != 0 && importer_crashes > 0 -> importer_crashes--; give_up(); goto again }
  :: atomic {
      got != 0 ->
      acts++;
      receipt[mine] = got;
      owner[mine] = me;
      importers_done++;
      give_up()
    }
  fi
}
#endif

/* When nothing else can happen: what an auditor finds. */
active proctype Auditor()
{
  byte index, daemons, trusts, found;

end:
  atomic {
    timeout;
    assert(committed == ACTS && importers_done == IMPORTERS);
    assert(synced == total);
    do
    :: index < synced && entry[index] < TRUST ->
      daemons++;
      assert(daemons <= ACTS && entry[index] == act[daemons]); /* none lost, doubled or out of order */
      index++
    :: index < synced && entry[index] >= TRUST ->
      trusts++;
      if
      :: found < acts && receipt[found + 1] == trusts ->
        found++;
        assert(entry[index] == TRUST + 2 * found + owner[found])
      :: else
      fi;
      index++
    :: else -> break
    od;
    assert(daemons == ACTS);
    assert(acts == IMPORTERS && found == acts);
    assert(acts == 0 || receipt[acts] == trusts); /* as check_against_log wants it */
    assert(trusts == acts) /* no act was said twice, none is hidden behind another */
  }
}
