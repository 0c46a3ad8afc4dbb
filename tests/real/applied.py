#!/usr/bin/env python3
"""What each job applied on a destination, by that server's own binlogs.

Both generations of dtle note a transaction of the source in the transaction of the
destination that applies it: 2.x as a row of dtle.gtid_executed_v3a, the plugin as one
of dtle.gtid_executed_v4. So the destination's binlogs tell which side applied
what, and in what order, whatever the migration itself says about it. Transactions that
change none of a job's tables are noted as well, so that there are no gaps.

    applied.py HOST:PORT FIRST-BINLOG ID...

reads the output of `mariadb-binlog` (or `mysqlbinlog`) for that server, as
$MYSQL_USER with $MYSQL_PASSWORD. A job with one worker applies in order: a number that
is not greater than the one before it was applied again. Exits with 1 if there is one.
"""

import os
import re
import shutil
import subprocess
import sys
import uuid

TABLE = re.compile(rb"### (INSERT INTO|UPDATE|DELETE FROM) `([^`]+)`\.`([^`]+)`")
VALUE = re.compile(rb"###   @(\d+)=(.*)")
ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")


def text(value):
    """A value between quotes, its control characters written as escapes."""
    if value.startswith(b"'"):
        value = value[1 : value.rindex(b"'")]
    return ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), value)


def notes(lines):
    """Rows put into a table of applied transactions: table, job, source, number."""
    table, values = None, {}

    def row():
        if table and table.startswith(b"gtid_executed_v"):
            job = text(values[1])
            if table == b"gtid_executed_v3a":
                # Of a binary column the zeros at the end are not in the binlog.
                job = str(uuid.UUID(bytes=job.ljust(16, b"\0"))).encode()
            yield table.decode(), job.decode(errors="replace"), text(values[2]), int(values[3])

    for line in lines:
        if not line.startswith(b"###"):
            continue
        found = TABLE.match(line)
        if found:
            yield from row()
            table, values = (found[3] if found[1] == b"INSERT INTO" else None), {}
        elif table and (found := VALUE.match(line)):
            values.setdefault(int(found[1]), found[2].rstrip())
    yield from row()


def main():
    server, first, *ids = sys.argv[1:]
    host, port = server.rsplit(":", 1)
    program = shutil.which("mariadb-binlog") or "mysqlbinlog"
    command = [program, "--skip-ssl", "-h", host, "-P", port, "-u", os.environ["MYSQL_USER"],
               "--read-from-remote-server", "--to-last-log", "-v", "--base64-output=DECODE-ROWS", first]
    reading = subprocess.Popen(command, stdout=subprocess.PIPE,
                               env=dict(os.environ, MYSQL_PWD=os.environ["MYSQL_PASSWORD"]))
    last, counts, turns, again, left_out, skipped = {}, {}, {}, 0, 0, 0
    for table, job, source, number in notes(reading.stdout):
        # 0 is the row in which others are summed up. Rows that the plugin took over from
        # 2.x name the job by the hexadecimal digits of its ID.
        if number == 0 or job not in ids:
            continue
        before, where = last.get((job, source), (number - 1, table))
        again += number <= before
        missing = max(0, number - before - 1)
        if table == where == "gtid_executed_v3a":
            skipped += missing
        else:
            left_out += missing
        if number != before + 1:
            print(f"{job}  {source.hex()}:{number} in {table} after {before} in {where}")
        last[job, source] = (number, table)
        side = counts.setdefault(job, {})
        side[table] = side.get(table, 0) + 1
        turn = turns.setdefault(job, [])
        if not turn or turn[-1] != table:
            turn.append(table)
    if reading.wait() != 0:
        sys.exit(f"{program} failed")
    for job in ids:
        told = ", ".join(f"{count} by {table}" for table, count in sorted(counts.get(job, {}).items()))
        print(f"{job}  {told or 'nothing'}; turns: {len(turns.get(job, []))}")
    print(f"{server}: {again} applied again, {left_out} left out; {skipped} skipped by 2.x itself")
    sys.exit(1 if again or left_out else 0)


main()
