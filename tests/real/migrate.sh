#!/usr/bin/env bash
# See README.md beside this file.
set -euo pipefail
: "${OLD_API:?}" "${NEW_API:?}" "${SOURCE:?}" "${DEST_X:?}" "${DEST_Y:?}" "${MYSQL_USER:?}" "${MYSQL_PASSWORD:?}"
export MYSQL_USER MYSQL_PASSWORD
HERE=$(cd "$(dirname "$0")" && pwd)
ALIAS=${DEST_Y_ALIAS:-$DEST_Y}
KILLS=${KILLS:-10}
SEED=${SEED:-$RANDOM}
GATEWAY=${GATEWAY:-$HERE/../../target/debug/dtle-gateway}
CLIENT=$(command -v mariadb || command -v mysql)
WORK=${WORK:-$(mktemp -d)}
JOURNAL=$WORK/journal.json
rm -f "$WORK/stop" "$WORK/calm" "$JOURNAL"
read -ra MORE <<<"${MIGRATE_OPTIONS:-}"
MIGRATE=("$GATEWAY" migrate --from "$OLD_API" --to "$NEW_API" --journal "$JOURNAL")
RUNNING="1 2 4 6" PAUSED=3 DEAD=5
RANDOM=$SEED

sql() { # HOST:PORT STATEMENTS
  MYSQL_PWD=$MYSQL_PASSWORD "$CLIENT" --skip-ssl -N -h "${1%:*}" -P "${1#*:}" -u "$MYSQL_USER" -e "$2"
}
say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fail() { say "FAILED: $*"; exit 1; }
job_id() { python3 -c "import uuid; print(uuid.uuid5(uuid.NAMESPACE_DNS, 'real-$1'))"; }
dest_of() { case $1 in 1 | 2 | 3) echo "$DEST_X" ;; *) echo "$DEST_Y" ;; esac; }
declare -A ID
for n in 1 2 3 4 5 6; do ID[$n]=$(job_id $n); done

writer=
finish() {
  touch "$WORK/stop" "$WORK/calm"
  [[ -n $writer ]] && wait "$writer" 2>/dev/null || true
  for n in 1 2 3 4 5 6; do
    curl -s -o /dev/null -XDELETE "$NEW_API/v1/job/${ID[$n]}?forget=true" || true
    curl -s -o /dev/null -XDELETE "$OLD_API/v1/job/${ID[$n]}" || true
  done
  say "what was said is in $WORK"
}
trap finish EXIT

# Updates, inserts and deletes, thirty a second, until $WORK/stop is there.
write_all_the_time() {
  python3 - "$CLIENT" "$SOURCE" "$WORK/stop" <<'PY'
import os, random, subprocess, sys, time
client, source, stop = sys.argv[1:]
host, port = source.rsplit(":", 1)
process = subprocess.Popen([client, "--skip-ssl", "-h", host, "-P", port, "-u", os.environ["MYSQL_USER"]],
                           stdin=subprocess.PIPE, text=True, env=dict(os.environ, MYSQL_PWD=os.environ["MYSQL_PASSWORD"]))
number = 0
while not os.path.exists(stop):
    number += 1
    schema = f"real_{random.randint(1, 6)}"
    process.stdin.write(f"update {schema}.t set v = v + 1, w = {number} where id = 1 + floor({random.random()} * 300);\n")
    if number % 3 == 0:
        process.stdin.write(f"insert into {schema}.t (v, w) values ({number}, {number});\n")
    if number % 50 == 0:
        process.stdin.write(f"delete from {schema}.t where id > 600 order by id limit 1;\n")
    process.stdin.flush()
    time.sleep(0.03)
process.stdin.close()
process.wait()
print(number, "rounds")
PY
}

create() { # NUMBER DESTINATION
  connection() { printf '{"Host":"%s","Port":%s,"User":"%s","Password":"%s"}' "${1%:*}" "${1#*:}" "$MYSQL_USER" "$MYSQL_PASSWORD"; }
  curl -sf -o /dev/null -XPOST "$OLD_API/v1/jobs" -d "{\"ID\":\"${ID[$1]}\",\"Name\":\"real-$1\",\"Tasks\":[
    {\"Type\":\"Src\",\"Config\":{\"Gtid\":\"\",\"ReplicateDoDb\":[{\"TableSchema\":\"real_$1\",\"Tables\":[{\"TableName\":\"t\"}]}],\"ConnectionConfig\":$(connection "$SOURCE")}},
    {\"Type\":\"Dest\",\"Config\":{\"ConnectionConfig\":$(connection "$2")}}]}"
}

status() { # API NUMBER: its Status, or that there is none
  curl -s "$1/v1/job/${ID[$2]}" | jq -r '.Status? // "none"' 2>/dev/null || echo none
}
running() { # API NUMBER: how many of its tasks run, or are about to
  curl -sf "$1/v1/job/${ID[$2]}/allocations" |
    jq '[.[] | (.DesiredStatus // "run") as $wanted | .TaskStates[]? | select(.State == "running" or (.State == "pending" and $wanted == "run"))] | length' || echo 0
}
nothing_runs_twice() {
  local n
  for n in 1 2 3 4 5 6; do
    if [[ $(running "$OLD_API" "$n") != 0 && $(running "$NEW_API" "$n") != 0 ]]; then
      fail "job $n runs on both sides"
    fi
  done
}
wait_for() { # API NUMBER STATUS…
  local api=$1 n=$2 now; shift 2
  for _ in $(seq 60); do
    now=$(status "$api" "$n")
    [[ " $* " == *" $now "* ]] && return
    sleep 1
  done
  fail "job $n is $now at $api, not $*"
}
all_are_there() {
  local n
  for n in $RUNNING; do
    wait_for "$NEW_API" "$n" running; wait_for "$OLD_API" "$n" pause
    grep -Eq "${ID[$n]}  runs on the new side|moved already" "$WORK/out" || fail "job $n is not said to run"
  done
  for n in $PAUSED $DEAD; do wait_for "$NEW_API" "$n" pause; done
  wait_for "$OLD_API" $PAUSED pause
  wait_for "$OLD_API" $DEAD dead
}
all_are_back() {
  local n
  # 2.x can call a job pending for good that works.
  for n in $RUNNING; do wait_for "$OLD_API" "$n" running pending; done
  wait_for "$OLD_API" $PAUSED pause
  wait_for "$OLD_API" $DEAD dead
  for n in 1 2 3 4 5 6; do wait_for "$NEW_API" "$n" none; done
}

# Runs $DISTURB every now and then.
disturb() {
  while [[ ! -e $WORK/calm ]]; do
    sleep $((5 + RANDOM % 25))
    sh -c "$DISTURB" >>"$WORK/disturbed" 2>&1 || true
    echo "$(date +%T) disturbed" >>"$WORK/disturbed"
  done
}

killed=0 undone=0
# Runs the command, and kills it at random as long as kills are left, until it ends
# by itself.
killed_at_random() { # KILLS ARGUMENTS…
  local left=$1 round=0; shift
  while :; do
    round=$((round + 1))
    "${MIGRATE[@]}" "$@" >"$WORK/out" 2>&1 & local process=$!
    if ((left > 0)); then
      # Half of them wherever it is, half of them shortly after it begins a step.
      local tenths=$((10 + RANDOM % 350)) step=
      case $((RANDOM % 8)) in
        0) step=making ;; 1) step=starting ;; 2) step=returning ;; 3) step=moved ;;
      esac
      while ((tenths-- > 0)) && kill -0 "$process" 2>/dev/null; do
        sleep 0.1
        if [[ -n $step ]] && grep -q "\"step\": \"$step\"" "$JOURNAL" 2>/dev/null; then
          tenths=$((RANDOM % 30)) step=
        fi
      done
      if kill -9 "$process" 2>/dev/null; then
        wait "$process" 2>/dev/null || true
        left=$((left - 1)) killed=$((killed + 1))
        say "kill $killed; the journal: $(jq -c '[.units[].step]' "$JOURNAL" 2>/dev/null || echo 'nothing begun')"
        cp "$WORK/out" "$WORK/killed-$killed"
        nothing_runs_twice
        continue
      fi
    fi
    local status=0; wait "$process" || status=$?
    cp "$WORK/out" "$WORK/ended-after-$killed-$round"
    nothing_runs_twice
    [[ $status == 0 ]] && return
    # A job that 2.x does not stop in time goes back, and the command is repeated.
    if grep -q 'NOT moved, on the old side as before' "$WORK/out" && ((undone++ < 3)); then
      say "undone, as the output says: $(grep -o 'as before: .*' "$WORK/out" | head -1)"
      continue
    fi
    cat "$WORK/out"
    fail "exit status $status"
  done
}
rows() { # HOST:PORT NUMBER
  sql "$1" "select * from real_$2.t order by id" | sha256sum | cut -c1-32
}

say "seed $SEED; schemas, and rows that are written all the time"
for n in 1 2 3 4 5 6; do
  sql "$SOURCE" "drop database if exists real_$n; create database real_$n;
    create table real_$n.t (id bigint primary key auto_increment, v int, w int, ts timestamp default current_timestamp on update current_timestamp);
    insert into real_$n.t (v, w) values (0, 0)"
  for _ in 1 2 3 4 5 6 7 8 9; do sql "$SOURCE" "insert into real_$n.t (v, w) select v, w from real_$n.t"; done
done
declare -A BINLOG
for dest in "$DEST_X" "$DEST_Y"; do
  sql "$dest" "drop database if exists dtle"
  for n in 1 2 3 4 5 6; do sql "$dest" "drop database if exists real_$n"; done
  sql "$dest" "flush binary logs"
  BINLOG[$dest]=$(sql "$dest" "show master status" | cut -f1)
done
write_all_the_time >"$WORK/writer" & writer=$!
sleep 1

say "six jobs, one destination under two names; one paused, one dead"
# One after the other on each: 2.x jobs that make its table at once can fail.
for pair in "1 $DEST_X" "4 $DEST_Y"; do
  # shellcheck disable=SC2086
  create $pair
  until sql "${pair#* }" "select count(*) from dtle.gtid_executed_v3a" >/dev/null 2>&1; do sleep 1; done
done
create 2 "$DEST_X"; create 3 "$DEST_X"; create 5 "$DEST_Y"; create 6 "$ALIAS"
for n in 1 2 3 4 5 6; do
  for _ in $(seq 120); do
    [[ $(sql "$(dest_of $n)" "select count(*) from dtle.gtid_executed_v3a where job_uuid = unhex(replace('${ID[$n]}', '-', ''))") != 0 ]] && continue 2
    sleep 1
  done
  fail "job $n applies nothing on the old side: $(status "$OLD_API" $n)"
done
curl -sf -o /dev/null -XPOST "$OLD_API/v1/job/${ID[$PAUSED]}/pause"
sql "$DEST_Y" "rename table real_$DEAD.t to real_$DEAD.away"
for n in $RUNNING; do wait_for "$OLD_API" "$n" running; done
wait_for "$OLD_API" $PAUSED pause
wait_for "$OLD_API" $DEAD dead
sleep 5

say "the plan, which changes nothing"
old_jobs() { curl -s "$OLD_API/v1/jobs" | jq -c 'map([.ID, .Status]) | sort'; }
before=$(old_jobs)
"${MIGRATE[@]}" "${MORE[@]}" | tee "$WORK/plan"
now=$(old_jobs)
[[ $before == "$now" ]] || fail "the plan changed the old side: $before, $now"
for n in 1 2 3 4 5 6; do [[ $(status "$NEW_API" $n) == none ]] || fail "the plan made job $n"; done

[[ -z ${DISTURB:-} ]] || disturb &
say "there, killed"
killed_at_random $((KILLS / 2)) --with-dead --yes "${MORE[@]}"
all_are_there
cat "$WORK/out"
say "back, killed"
killed_at_random $((KILLS / 5)) --back --drop-new-table --yes
all_are_back
cat "$WORK/out"
say "there again, killed"
killed_at_random $((KILLS - killed)) --with-dead --yes "${MORE[@]}"
all_are_there
cat "$WORK/out"
# The command may have ended before it could be killed so often.
while ((killed < KILLS)); do
  say "back once more, killed"
  killed_at_random $((KILLS - killed)) --back --drop-new-table --yes
  all_are_back
  say "there once more, killed"
  killed_at_random $((KILLS - killed)) --with-dead --yes "${MORE[@]}"
  all_are_there
done

touch "$WORK/calm"
say "the paused one and the dead one go on, now that its table is there again"
sql "$DEST_Y" "rename table real_$DEAD.away to real_$DEAD.t"
for n in $PAUSED $DEAD; do curl -sf -o /dev/null -XPOST "$NEW_API/v1/job/${ID[$n]}/resume"; done
sleep 20
touch "$WORK/stop"; wait "$writer" || true; writer=

say "no more rows are written; waiting for the new side"
agree=0
for _ in $(seq 60); do
  agree=0
  for n in 1 2 3 4 5 6; do
    [[ $(rows "$SOURCE" $n) == "$(rows "$(dest_of $n)" $n)" ]] && agree=$((agree + 1))
  done
  ((agree == 6)) && break
  sleep 5
done
for n in 1 2 3 4 5 6; do
  say "job $n, ${ID[$n]}: $(sql "$SOURCE" "select count(*), sum(v) from real_$n.t" | tr '\t' ' ') rows and updates, $(rows "$SOURCE" $n) at the source, $(rows "$(dest_of $n)" $n) at the destination"
done
say "$(cat "$WORK/writer"); $killed kills; executed on the source: $(sql "$SOURCE" "select @@global.gtid_executed" | tr '\n' ' ')"
wrong=0
for dest in "$DEST_X" "$DEST_Y"; do
  of=()
  for n in 1 2 3 4 5 6; do [[ $(dest_of $n) == "$dest" ]] && of+=("${ID[$n]}"); done
  say "what was applied, by the binlogs of $dest"
  "$HERE/applied.py" "$dest" "${BINLOG[$dest]}" "${of[@]}" || wrong=1
done
((agree == 6)) || fail "only $agree of 6 tables agree"
((wrong == 0)) || fail "transactions were applied again, or left out"
say "--verify"
"${MIGRATE[@]}" --verify | tee "$WORK/verify"
[[ $(grep -c ': the same, ' "$WORK/verify") == 6 ]] || fail "--verify says something else"
say PASSED
