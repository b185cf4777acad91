#!/bin/sh
# Types at the Ruby prompt in a real terminal, and looks at it: test/terminal.sh LOGS
#
# The terminal is tmux's, with a server of its own. Each check waits for what the screen must show, and fails
# when it does not within LIMIT seconds; what comes after it is then tried all the same.
set -u

logs=$1
log=$logs/terminal.log
mkdir -p "$logs"
rm -f "$logs/terminal.count"
: >"$log"
limit=${LIMIT:-60}

unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS TMUX
export LC_ALL=C.UTF-8 RUBEAM_PRIV="$PWD/priv"
socket=rubeam-test-$$

if ! command -v tmux >/dev/null; then
  echo "terminal: tmux is missing: the prompt was not tried in a terminal" >&2
  echo "0 1" >"$logs/terminal.count"
  exit 1
fi

in_tmux() { tmux -u -L "$socket" -f /dev/null "$@"; }
trap 'in_tmux kill-server 2>/dev/null' EXIT
trap 'exit 1' INT TERM

passed=0
failed=0
check() { # NAME COMMAND...
  name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "passed: $name" >>"$log"
  else
    failed=$((failed + 1))
    {
      echo "--- terminal: $name failed. The screen:"
      in_tmux capture-pane -p -S -50 | grep -v '^ *$'
      echo "---"
    } 2>&1 | tee -a "$log"
  fi
}

screen() { in_tmux capture-pane -p -J | sed 's/ *$//'; }

# The same with what has left the screen at its top.
history() { in_tmux capture-pane -p -J -S - | sed 's/ *$//'; }

# Waits for a line that is this regular expression, on the screen; or among what has been there.
shows() { comes screen "$1"; }
showed() { comes history "$1"; }

comes() {
  end=$(($(date +%s) + limit))
  until "$1" | grep -Eq "^($2)\$"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.1
  done
}

vanishes() {
  end=$(($(date +%s) + limit))
  while [ -e "$1" ]; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.1
  done
}

lacks() { ! screen | grep -Eq "^($1)\$"; }

both() { shows "$1" && lacks "$2"; }

# The terminal takes what is typed too fast as one text, in which Ctrl-C is not noticed.
key() {
  for key in "$@"; do
    sleep 0.3
    in_tmux send-keys "$key"
  done
  sleep 0.3
}

write() { in_tmux send-keys -l "$1"; }

enter() {
  write "$1"
  key Enter
}

clear() {
  in_tmux send-keys -R
  in_tmux clear-history
}

new_terminal() {
  in_tmux kill-server 2>/dev/null
  while in_tmux has-session 2>/dev/null; do sleep 0.1; done
  sleep 0.5
  if ! in_tmux new-session -d -x 100 -y 40 "env PS1='ready> ' ENV= sh"; then
    echo "terminal: tmux does not start: the prompt was not tried in a terminal" >&2
    echo "0 1" >"$logs/terminal.count"
    exit 1
  fi
  shows 'ready>' || true
}

tty_state() { stty -a <"$(in_tmux display-message -p '#{pane_tty}')"; }

# --- make shell ---

new_terminal
before=$(tty_state)
enter 'make shell'
check 'make shell starts' shows 'rubeam\(1\)>'
enter 'x = 41'
check 'a value' shows '=> 41'
enter 'x + 1'
check 'the session' shows '=> 42'
key Up
check 'the history' shows 'rubeam\(3\)> x \+ 1'
key C-a
write '2 * '
key Enter
check 'the beginning of the line' shows '=> 83'
write 'x + 19'
key Left BSpace Enter
check 'the middle of the line' shows '=> 50'
enter 'def twice(n)'
check 'an unfinished input' shows 'rubeam\(6\)\*'
key Tab
enter 'n * 2'
check 'the key Tab' shows 'rubeam\(6\)\*   n \* 2'
enter 'end'
check 'the end of the input' shows '=> :twice'
enter 'twice("grüße🙂") + "ÄÖ"'
check 'Unicode' shows '=> "grüße🙂grüße🙂ÄÖ"'
enter 'puts "one"; print "two"; :three'
check 'output' shows 'two'
check 'the value behind it' shows '=> :three'
enter 'twice'
check 'an exception' shows '    from \(rubeam\):10'
enter '\erl {a: "b"}'
check 'a term' shows '=> #\{a => <<"b">>\}'
clear
enter 'puts "runs"; loop {}'
check 'a loop' shows 'runs'
key C-c
check 'Ctrl-C' shows 'Interrupted'
enter 'x + 59'
check 'the session after it' shows '=> 100'
clear
write 'twice('
key C-c
enter 'x + 60'
check 'Ctrl-C at the prompt' both '=> 101' 'rubeam\(15\)\*'
enter '['
check 'another unfinished input' shows 'rubeam\(16\)\*'
clear
key C-c
check 'Ctrl-C in that' shows 'rubeam\(15\)>'
enter 'x + 61'
check 'the session after that' shows '=> 102'
clear
enter 'loop { puts "y" * 70 }'
check 'a flood' shows 'y{70}'
key C-c
# The last words of what was interrupted may be longer than the screen.
check 'Ctrl-C in it' showed 'Interrupted'
enter 'x + 62'
check 'the session after the flood' shows '=> 103'
clear
enter 'begin; puts "runs"; loop {}; rescue Exception; retry; end'
check 'a script that swallows everything' shows 'runs'
key C-c
check 'its end' shows 'This is a fresh interpreter.*'
enter '6 * 7'
check 'the fresh interpreter' shows '=> 42'
# As in the Erlang shell it deletes what is under the cursor, and nothing in an empty line.
key C-d
enter '7 * 7'
check 'Ctrl-D' shows '=> 49'
clear
enter 'exit'
check 'leaving' shows 'ready>'
check 'the terminal is as before' test "$before" = "$(tty_state)"
# shellcheck disable=SC2016 # it is the other shell's
enter 'echo $((6 * 111))'
check 'the terminal can be used' shows '666'

# --- the Erlang shell ---

new_terminal
enter 'make erl'
check 'make erl starts' shows '1>'
enter 'rubeam:shell(#{prelude => <<"z = 5">>}).'
check 'rubeam:shell/1' shows 'rubeam\(1\)>'
enter 'exit'
check 'back in the Erlang shell' shows 'ok'
enter 'rubeam:shell().'
check 'rubeam:shell/0' shows 'rubeam\(1\)>'
enter 'x = 41; puts "runs"; loop {}'
check 'a loop' shows 'runs'
key C-g
check 'Ctrl-G' shows ' -->'
key i Enter c Enter
check 'its interrupt' shows '\*\* exception exit: killed'
key Enter
enter 'rubeam:shell().'
check 'the session was kept' shows 'rubeam\(2\)>'
enter 'x + 1'
check 'with its variables' shows '=> 42'
clear
enter 'quit'
check 'leaving it' shows 'ok'
enter 'exists = 1 + 665.'
check 'Erlang again' shows '\*\* exception error: no match of right hand side value 666'
key C-g
key s Space r u b e a m _ s h e l l Enter c Enter
check 'a job of its own' shows 'rubeam\(1\)>'
enter 'puts "job"; sleep'
check 'it sleeps' shows 'job'
key C-g
key i Enter c Enter
check 'its interrupt' shows 'Interrupted'
enter '6 * 7'
check 'it goes on' shows '=> 42'

# --- without line editing ---

new_terminal
before=$(tty_state)
enter 'erl -oldshell -pa build/ebin -eval "application:ensure_all_started(rubeam)"'
check 'the old shell' shows '1>'
enter 'rubeam:shell().'
check 'the prompt in it' shows 'rubeam\(1\)>'
enter '"ä".size'
check 'a value in it' shows '=> 1'
key C-d
check 'Ctrl-D leaves' shows '(rubeam\(2\)> *)?ok'
enter 'halt().'
check 'its end' shows 'ready>'
check 'the terminal is as before' test "$before" = "$(tty_state)"
clear
enter 'TERM=dumb make shell'
check 'a terminal that can do nothing' shows 'rubeam\(1\)>'
enter '6 * 7'
check 'a value there' shows '=> 42'
key C-d
check 'Ctrl-D there' shows '(rubeam\(2\)> *)?ready>'
clear
enter 'printf "[1,\n2]\nputs %%w[a b]" | make shell | tail -n 6'
check 'a pipe' shows 'b'
check 'its value' shows '.*=> \[1, 2\]'

# --- the terminal goes ---

# `make` is the first process in it: the one that is told, and that waits for the others.
in_tmux kill-server 2>/dev/null
while in_tmux has-session 2>/dev/null; do sleep 0.1; done
sleep 0.5
in_tmux new-session -d -x 100 -y 40 'exec make shell'
check 'the last prompt' shows 'rubeam\(1\)>'
vm=$(ps -t "$(in_tmux display-message -p '#{pane_tty}' | sed 's|^/dev/||')" -o pid=,comm= |
  awk '$2 == "beam.smp" { print $1 }')
check 'its VM is there' test -n "$vm" -a -d "/proc/${vm:-none}"
in_tmux kill-server 2>/dev/null
check 'it goes with the terminal' vanishes "/proc/${vm:-none}"

echo "$passed $failed" >"$logs/terminal.count"
echo "terminal: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
