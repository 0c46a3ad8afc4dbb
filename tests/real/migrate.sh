#!/usr/bin/env bash
# See README.md beside this file.
set -euo pipefail
: "${OLD_API:?}" "${NEW_API:?}" "${SOURCE:?}" "${DEST_X:?}" "${DEST_Y:?}" "${MYSQL_USER:?}" "${MYSQL_PASSWORD:?}"
ALIAS=${DEST_Y_ALIAS:-$DEST_Y}
KILLS=${KILLS:-10}
GATEWAY=${GATEWAY:-$(dirname "$0")/../../target/debug/dtle-gateway}
CLIENT=$(command -v mariadb || command -v mysql)
WORK=$(mktemp -d)
JOURNAL=$WORK/journal.json
read -ra MORE <<<"${MIGRATE_OPTIONS:-}"
MIGRATE=("$GATEWAY" migrate --from "$OLD_API" --to "$NEW_API" --journal "$JOURNAL")

sql() { # HOST:PORT STATEMENTS
  MYSQL_PWD=$MYSQL_PASSWORD "$CLIENT" --skip-ssl -N -h "${1%:*}" -P "${1#*:}" -u "$MYSQL_USER" -e "$2"
}
say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fail() { say "FAILED: $*"; exit 1; }
job_id() { python3 -c "import uuid; print(uuid.uuid5(uuid.NAMESPACE_DNS, 'real-$1'))"; }

writer=
finish() {
  touch "$WORK/stop"
  [[ -n $writer ]] && wait "$writer" 2>/dev/null || true
  for n in 1 2 3 4 5 6; do
    curl -s -o /dev/null -XDELETE "$NEW_API/v1/job/$(job_id "$n")?forget=true" || true
    curl -s -o /dev/null -XDELETE "$OLD_API/v1/job/$(job_id "$n")" || true
  done
}
trap finish EXIT

write_all_the_time() {
  python3 - "$CLIENT" "$SOURCE" "$MYSQL_USER" "$MYSQL_PASSWORD" "$WORK/stop" <<'PY'
import os, random, subprocess, sys, time
client, source, user, password, stop = sys.argv[1:]
host, port = source.rsplit(":", 1)
process = subprocess.Popen([client, "--skip-ssl", "-h", host, "-P", port, "-u", user],
                           stdin=subprocess.PIPE, text=True, env=dict(os.environ, MYSQL_PWD=password))
number = 0
while not os.path.exists(stop):
    number += 1
    schema = f"real_{random.randint(1, 6)}"
    process.stdin.write(f"update {schema}.t set v = v + 1, w = {number} where id = 1 + floor(rand() * 300);\n")
    if number % 3 == 0:
        process.stdin.write(f"insert into {schema}.t (v, w) values ({number}, {number});\n")
    process.stdin.flush()
    time.sleep(0.03)
process.stdin.close()
process.wait()
PY
}

create() { # NUMBER DESTINATION
  connection() { printf '{"Host":"%s","Port":%s,"User":"%s","Password":"%s"}' "${1%:*}" "${1#*:}" "$MYSQL_USER" "$MYSQL_PASSWORD"; }
  curl -sf -o /dev/null -XPOST "$OLD_API/v1/jobs" -d "{\"ID\":\"$(job_id "$1")\",\"Name\":\"real-$1\",\"Tasks\":[
    {\"Type\":\"Src\",\"Config\":{\"Gtid\":\"\",\"ReplicateDoDb\":[{\"TableSchema\":\"real_$1\",\"Tables\":[{\"TableName\":\"t\"}]}],\"ConnectionConfig\":$(connection "$SOURCE")}},
    {\"Type\":\"Dest\",\"Config\":{\"ConnectionConfig\":$(connection "$2")}}]}"
}

running() { # API ID: how many of its tasks run or are about to
  curl -sf "$1/v1/job/$2/allocations" | jq '[.[].TaskStates[].State | select(. == "running" or . == "pending")] | length' || echo 0
}
nothing_runs_twice() {
  for n in 1 2 3 4 5 6; do
    local id; id=$(job_id "$n")
    if [[ $(running "$OLD_API" "$id") != 0 && $(running "$NEW_API" "$id") != 0 ]]; then
      fail "job $n runs on both sides"
    fi
  done
}

# Runs the command and kills it, again and again, until it ends by itself.
killed_at_random() { # KILLS ARGUMENTS…
  local left=$1; shift
  while :; do
    "${MIGRATE[@]}" "$@" >"$WORK/out" 2>&1 & local process=$!
    if ((left > 0)); then
      sleep "$(python3 -c 'import random; print(random.uniform(1, 20))')"
      if kill -9 "$process" 2>/dev/null; then
        wait "$process" 2>/dev/null || true
        left=$((left - 1))
        say "killed; $(jq -c '[.units[].step]' "$JOURNAL" 2>/dev/null || echo 'nothing begun')"
        nothing_runs_twice
        continue
      fi
    fi
    local status=0; wait "$process" || status=$?
    nothing_runs_twice
    [[ $status == 0 ]] || { cat "$WORK/out"; fail "exit status $status"; }
    return
  done
}

say "schemas, and rows that are written all the time"
for n in 1 2 3 4 5 6; do
  sql "$SOURCE" "drop database if exists real_$n; create database real_$n;
    create table real_$n.t (id bigint primary key auto_increment, v int, w int, ts timestamp default current_timestamp on update current_timestamp);
    insert into real_$n.t (v, w) values (0, 0)"
  for _ in 1 2 3 4 5 6 7 8 9; do sql "$SOURCE" "insert into real_$n.t (v, w) select v, w from real_$n.t"; done
done
for dest in "$DEST_X" "$DEST_Y"; do
  sql "$dest" "drop database if exists dtle"
  for n in 1 2 3 4 5 6; do sql "$dest" "drop database if exists real_$n"; done
done
write_all_the_time & writer=$!
sleep 1

say "six jobs, one destination under two names; one paused, one dead"
# One after the other on each: 2.x jobs that make its table at once can fail.
create 1 "$DEST_X"; sleep 4; create 4 "$DEST_Y"; sleep 4
create 2 "$DEST_X"; create 3 "$DEST_X"; create 5 "$DEST_Y"; create 6 "$ALIAS"
sleep 30
curl -sf -o /dev/null -XPOST "$OLD_API/v1/job/$(job_id 3)/pause"
sql "$DEST_Y" "drop table real_5.t"
sleep 10

say "the plan"
"${MIGRATE[@]}" "${MORE[@]}" || true
say "there, killed $KILLS times"
killed_at_random "$KILLS" --with-dead --yes "${MORE[@]}"
say "back"
killed_at_random 2 --back --drop-new-table --yes
say "there again"
killed_at_random 2 --with-dead --yes "${MORE[@]}"

say "the paused one goes on"
curl -sf -o /dev/null -XPOST "$NEW_API/v1/job/$(job_id 3)/resume"
touch "$WORK/stop"; wait "$writer" || true; writer=
for _ in $(seq 60); do
  sleep 10
  "${MIGRATE[@]}" --verify >"$WORK/verify" 2>&1 || true
  # The dead one's table was dropped: it cannot agree.
  [[ $(grep -c ': the same, ' "$WORK/verify") == 5 ]] && { cat "$WORK/verify"; say PASSED; exit 0; }
done
cat "$WORK/verify"
fail "not all rows agree"
