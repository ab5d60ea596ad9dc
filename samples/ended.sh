#!/bin/sh
# Says what an exit code of omni-bulk asks for, and nothing for 0: ended.sh CODE
# cron mails what it prints; systemd calls it after each run, with the code in EXIT_STATUS, and keeps it in the journal.
code=${1:-${EXIT_STATUS:-unknown}}
case $code in
0) exit 0 ;;
# Interrupted, or nobody answered: nothing is wrong with list or account, and what was sent is known. Run it again.
69 | 75) say="the next run goes on where it stopped; nobody gets two" ;;
# It stopped where it was told to (--limit, --deadline, --window). To run it again at once would undo that.
6) say="recipients are left, as it was told; the next scheduled run goes on with them" ;;
# Nobody knows whether these were taken. To send them again may send them twice; reports tell.
3) say="some are unknown: do not send again. Collect reports (omni-bulk reports --poll), then omni-bulk status" ;;
# Credentials, quota, certificate, cost: running again fails the same way until somebody has cured it.
5) say="STOPPED for a cause that running again does not cure: read the message, cure it, then run again" ;;
1) say="finished, but some were not accepted: correct the rejects file and send it" ;;
2) say="nothing was sent: settings, list or ledger are not usable" ;;
4) say="refused: another run holds the campaign, or something of it changed; the message names the ways on" ;;
74) say="ledger or results could not be written: make room, then run again" ;;
*) say="something unexpected; the ledger is consistent, and the same command goes on" ;;
esac
echo "omni-bulk ended with $code: $say" >&2
