"""Why something is not done, or ended before its end: campaigns, ledgers, guards, the account, output files."""

from collections.abc import Mapping
from typing import Final

REFUSALS: Final[Mapping[str, str]] = {
    # the account and the network
    "the client id or password is wrong: check OMNI_CLIENT_ID and OMNI_CLIENT_PASSWORD": (
        "client id나 비밀번호가 틀렸습니다. OMNI_CLIENT_ID와 OMNI_CLIENT_PASSWORD를 확인하세요"
    ),
    "the account is blocked: ask the vendor": "차단된 계정입니다. 공급사에 문의하세요",
    "the account has expired: ask the vendor": "만료된 계정입니다. 공급사에 문의하세요",
    "the account's message quota is used up: raise it, then run the same command again": (
        "계정의 발송 한도를 다 썼습니다. 한도를 올린 뒤 같은 명령을 다시 실행하세요"
    ),
    "the account may not send international messages: ask the vendor": "국제 문자를 보낼 권한이 없는 계정입니다. 공급사에 문의하세요",
    "the originating number is not registered: register it or give another --from": (
        "등록되지 않은 발신번호입니다. 등록하거나 --from으로 다른 번호를 주세요"
    ),
    "the server's certificate cannot be verified: check the clock, --base-url or --ca-file": (
        "서버 인증서를 확인할 수 없습니다. 컴퓨터 시각, --base-url, --ca-file을 확인하세요"
    ),
    "the proxy refuses its credentials: check OMNI_PROXY": "프록시가 인증 정보를 거부했습니다. OMNI_PROXY를 확인하세요",
    "the account was refused: ask the vendor": "계정이 거부되었습니다. 공급사에 문의하세요",
    "the server cannot be reached": "서버에 연결할 수 없습니다",
    "the server refuses requests without an answer of the OMNI API: check --base-url, the proxy and whether this address is allowed": (
        "서버가 OMNI API의 응답 없이 요청을 거부합니다. --base-url과 프록시, 이 IP 주소가 허용되어 있는지 확인하세요"
    ),
    "something other than the OMNI API answers: a gateway's error page or a captive portal; run again when the service is back": (
        "OMNI API가 아닌 것이 응답합니다(게이트웨이 오류 페이지나 인터넷 로그인 화면). 서비스가 돌아오면 다시 실행하세요"
    ),
    "the API could not read 20 requests in a row (A010): please report this": (
        "API가 20건을 잇달아 읽지 못했습니다(A010). 이 프로그램의 문제이니 알려 주세요"
    ),
    "20 originating numbers in a row were refused (A325, A327): register them or ask for the permission": (
        "발신번호가 20건 연속 거부되었습니다(A325, A327). 등록하거나 권한을 요청하세요"
    ),
    "nothing was accepted for {minutes:.0f} minutes; run the same command again later": (
        "{minutes:.0f}분 동안 한 건도 접수되지 않았습니다. 나중에 같은 명령을 다시 실행하세요"
    ),
    "no token could be had for {minutes:.0f} minutes ({what}); run again later": (
        "{minutes:.0f}분 동안 토큰을 받지 못했습니다({what}). 나중에 다시 실행하세요"
    ),
    "the token endpoint answers HTTP {status} without a token that can be used: check --base-url": (
        "토큰 주소의 응답이 HTTP {status}이고 쓸 수 있는 토큰이 없습니다. --base-url을 확인하세요"
    ),
    "a fresh token was refused as invalid (A002): check the account": "새로 받은 토큰이 거부되었습니다(A002). 계정을 확인하세요",
    "{number} tokens in a row were refused ({code}) without one that worked: the API issues tokens that it does not accept; ask the vendor": (
        "토큰 {number}개가 연속 거부되었습니다({code}). API가 자기가 내준 토큰을 받지 않습니다. 공급사에 문의하세요"
    ),
    "sending has ended; run again to go on": "발송이 끝났습니다. 다시 실행하면 이어집니다",
    "sending was left early; run again to go on": "발송이 도중에 끝났습니다. 다시 실행하면 이어집니다",
    "the API did not answer about reports for {minutes:.0f} minutes ({what}); run again later": (
        "{minutes:.0f}분 동안 리포트를 받지 못했습니다({what}). 나중에 다시 실행하세요"
    ),
    "the account may not poll reports (A801): it may have a webhook instead, which excludes polling. Listen to that with `omni-bulk reports --webhook HOST:PORT`, or ask the vendor": (
        "리포트를 폴링할 수 없는 계정입니다(A801). 웹훅을 쓰는 계정은 폴링할 수 없습니다. "
        "`omni-bulk reports --webhook HOST:PORT`로 받거나 공급사에 문의하세요"
    ),
    "the API's answer about reports cannot be understood ({what}), so nothing more was acknowledged: check --base-url, and upgrade omni_bulk or ask the vendor": (
        "리포트 응답을 이해할 수 없어({what}) 더 가져오지 않았습니다. --base-url을 확인하고, omni_bulk를 업그레이드하거나 공급사에 문의하세요"
    ),
    "the API gave reports without an id by which to acknowledge them: they are stored, and would come again for ever; ask the vendor": (
        "API가 준 리포트에 확인용 id가 없습니다. 저장했지만 끝없이 다시 옵니다. 공급사에 문의하세요"
    ),
    "the API gave a report id that cannot stand in a URL, so its reports are stored and not acknowledged; ask the vendor": (
        "API가 준 리포트 id가 URL에 쓸 수 없는 값입니다. 저장했지만 확인하지 못했습니다. 공급사에 문의하세요"
    ),
    "{foreign} of the first {found} reports are not of messages that this ledger sent, so another system seems to live on this account's queue, and nothing was acknowledged. If it may be emptied here, say so once: omni-bulk reports --poll --own-queue. Else collect there, and join with --import FILE": (
        "처음 받은 리포트 {found}건 가운데 {foreign}건이 이 원장에서 보낸 문자의 것이 아닙니다. 다른 시스템이 같은 계정을 쓰는 듯하여 "
        "하나도 지우지 않았습니다. 여기서 비워도 된다면 한 번만 이렇게 하세요: omni-bulk reports --poll --own-queue. 아니라면 "
        "그쪽에서 받아 --import FILE로 합치세요"
    ),
    # guards
    "the list has {rows:,} rows, fewer than --min-rows {min_rows:,}: is it whole? If it is, give --min-rows {rows}.": (
        "목록이 {rows:,}행으로 --min-rows {min_rows:,}보다 적습니다. 목록이 온전한가요? 맞다면 다음을 주세요: --min-rows {rows}"
    ),
    "the list has {rows:,} rows, more than --max-rows {max_rows:,}: is it the right one? If it is, give --max-rows {rows}.": (
        "목록이 {rows:,}행으로 --max-rows {max_rows:,}보다 많습니다. 맞는 목록인가요? 맞다면 다음을 주세요: --max-rows {rows}"
    ),
    "{hits} of the last {last} messages were refused, more than --max-failure-rate {max_failure:g} allows: look at the codes, correct the list or the text": (
        "최근 {last}건 가운데 {hits}건 거절, 허용 비율 초과(--max-failure-rate {max_failure:g}). 응답 코드를 보고 목록이나 문구를 고치세요"
    ),
    "too many answers were lost or unreadable ({hits} incidents in the last {last} messages, --max-unknown-rate {max_unknown:g}): those messages may or may not have been sent; find out what is wrong before going on": (
        "잃어버리거나 읽을 수 없는 응답이 너무 많습니다(최근 {last}건에 {hits}회, --max-unknown-rate {max_unknown:g}). "
        "그 문자들은 나갔을 수도, 아닐 수도 있습니다. 원인을 찾은 뒤 계속하세요"
    ),
    "the limit is reached, recipients are left": "정한 건수만큼 보냈습니다. 남은 수신자가 있습니다",
    "the deadline is over, recipients are left": "정한 시간이 지났습니다. 남은 수신자가 있습니다",
    "the deadline comes before the next message may be sent ({at:%Y-%m-%d %H:%M %Z}), recipients are left": (
        "다음 발송 가능 시각({at:%Y-%m-%d %H:%M %Z}) 전에 정한 시간이 끝납니다. 남은 수신자가 있습니다"
    ),
    "the list could not be read to its end: {error} What came before is sent; mend the list and run again": (
        "목록을 끝까지 읽지 못했습니다: {error} 그 앞은 보냈습니다. 목록을 고치고 다시 실행하세요"
    ),
    # money
    "sending would cost {planned}{before}, more than --max-cost {most}: nothing was sent; allow more, or shorten the list": (
        "보내면 {planned}{before}, --max-cost {most} 초과: 아무것도 보내지 않았습니다. 한도를 늘리거나 목록을 줄이세요"
    ),
    " and {spent} are spent already": "(이미 쓴 {spent} 별도)",
    "the price list has no price for {countries}, so nobody knows what the campaign costs: add it, or keep the campaign to other countries with --countries": (
        "단가표에 없는 국가: {countries}. 비용을 알 수 없습니다. 단가를 넣거나 --countries로 다른 국가에만 보내세요"
    ),
    "--max-cost {most} is used up ({spent} spent), recipients are left: allow more, then run again": (
        "--max-cost {most}, 다 썼습니다({spent} 사용). 남은 수신자가 있습니다. 한도를 늘린 뒤 다시 실행하세요"
    ),
    "the account's budget for today, {most}, is used up ({spent} spent), recipients are left: run again tomorrow, or change budget.day in the settings file": (
        "오늘의 계정 예산 {most}, 다 썼습니다({spent} 사용). 남은 수신자가 있습니다. 내일 다시 실행하거나 설정 파일의 budget.day를 바꾸세요"
    ),
    "the account's budget for this month, {most}, is used up ({spent} spent), recipients are left: run again next month, or change budget.month in the settings file": (
        "이달의 계정 예산 {most}, 다 썼습니다({spent} 사용). 남은 수신자가 있습니다. 다음 달에 다시 실행하거나 설정 파일의 budget.month를 바꾸세요"
    ),
    "a bound on the cost needs a price list: give --prices FILE, or `prices` in the settings": (
        "비용 한도를 쓰려면 단가표가 필요합니다. --prices FILE이나 설정의 `prices`로 주세요"
    ),
    # campaigns
    "the campaign's name must be 1 to 120 characters without / \\ or control characters": (
        "캠페인 이름은 1~120자이고 / \\와 제어 문자를 쓸 수 없습니다"
    ),
    "campaign {name!r} already sent messages, and since then {differences}. Give --changed-text to send the new one to the rest, or --campaign NEW to start another campaign": (
        "이미 보내기 시작한 캠페인 {name!r}: 그 뒤로 {differences}. 남은 사람에게 새 내용으로 보내려면 --changed-text, "
        "새 캠페인으로 시작하려면 --campaign NEW를 주세요"
    ),
    "the template changed from {before} to {now}": "문구가 바뀌었습니다({before} → {now})",
    "the from changed from {before} to {now}": "발신번호가 바뀌었습니다({before} → {now})",
    "a column of the list": "목록의 열",
    "campaign {name!r} was complete over 12 hours ago and its file has changed since. For a new campaign give --campaign NEW; to send to the new rows of this one give --extend": (
        "12시간도 더 전에 끝난 캠페인 {name!r}: 그 뒤로 목록 파일이 바뀌었습니다. 새 캠페인이면 --campaign NEW, "
        "이 캠페인에 추가된 행을 보내려면 --extend를 주세요"
    ),
    "campaign {name!r} knows its recipients by a ref column, which the list no longer has: people could get a second message. Put the column back, or give --campaign NEW": (
        "ref 열로 수신자를 구별하는 캠페인 {name!r}: 목록에 그 열이 없어 두 번 받는 사람이 생길 수 있습니다. 열을 되살리거나 "
        "--campaign NEW를 주세요"
    ),
    "campaign {name!r} knows its recipients by number, but the list now has a ref column: people could get a second message. Remove the column (or rename it), or give --campaign NEW": (
        "번호로 수신자를 구별하는 캠페인 {name!r}: 목록에 ref 열이 생겨 두 번 받는 사람이 생길 수 있습니다. 열을 빼거나 이름을 "
        "바꾸고, 아니면 --campaign NEW를 주세요"
    ),
    "campaign {name!r} was sent under another client id of the same API. If both are one account, give --same-account; else give --campaign NEW": (
        "캠페인 {name!r}: 같은 API의 다른 client id로 보낸 것입니다. 같은 계정이면 --same-account, 아니면 --campaign NEW를 주세요"
    ),
    "campaign {name!r} was just begun under this client id too; give --campaign NEW": (
        "캠페인 {name!r}: 이 client id로도 방금 시작되었습니다. --campaign NEW를 주세요"
    ),
    "campaign {name!r} is already sending": "캠페인 {name!r}: 이미 보내는 중입니다",
    "{other_texts} of {read} recipients of campaign {name!r} already got another text. If this is another list, give --campaign NEW; if the texts changed on purpose, give --changed-text": (
        "캠페인 {name!r}의 수신자 {read}명 가운데 {other_texts}명이 이미 다른 내용으로 받았습니다. 다른 목록이면 --campaign NEW, "
        "일부러 내용을 바꾼 것이면 --changed-text를 주세요"
    ),
    "the ledger {ledger} knows no campaign {name!r}; see omni-bulk status": (
        "원장 {ledger}에 없는 캠페인입니다: {name!r}. omni-bulk status로 확인하세요"
    ),
    "{nobody}. Did you mean {near}?": "{nobody}. 혹시 이것인가요? {near}",
    "the ledger knows no campaign {name!r} of this account; see omni-bulk status": (
        "원장에 이 계정의 캠페인이 없습니다: {name!r}. omni-bulk status로 확인하세요"
    ),
    "the ledger {ledger} knows no number, ref or msgKey {asked!r}": "원장 {ledger}에서 찾지 못했습니다. 번호, ref, msgKey 모두 아님: {asked!r}",
    "{nobody}; as a number it cannot be read: {why}": "{nobody}. 번호로는 읽을 수 없습니다: {why}",
    "the ledger knows {number} accounts: say which one is meant, OMNI_CLIENT_ID": (
        "원장에 계정이 {number}개 있습니다. OMNI_CLIENT_ID로 어느 계정인지 알려 주세요"
    ),
    # plans
    "{path} is not a plan of an earlier check; give another file with --save": (
        "{path}: check로 만든 계획 파일이 아닙니다. --save로 다른 파일을 지정하세요"
    ),
    "--plan {path} is no plan that can be read: make one with check --save FILE --by NAME": (
        "--plan {path}: 읽을 수 있는 계획 파일이 아닙니다. check --save FILE --by NAME으로 만드세요"
    ),
    "the plan {plan}, approved by {by} at {at}, is not what would be sent: {found}. Check it again and have it approved: check --save FILE --by NAME": (
        "결재받은 계획 {plan}({by}, {at}): 지금 보낼 내용과 다릅니다. {found}. 다시 확인하고 결재를 받으세요: check --save FILE --by NAME"
    ),
    "it is for campaign {approved!r}, and this is {now!r}": "캠페인이 다름({approved!r} → {now!r})",
    "the list has changed since": "목록이 바뀜",
    "the text has changed since": "문구가 바뀜",
    "{name} was {then} and is {here}": "{name} 값이 바뀜({then} → {here})",
    "{approved:,} messages were approved, and {now:,} would be sent": "건수가 다름({approved:,}건 → {now:,}건)",
    "{approved:,} segments were approved, and now it is {now:,}, or to other countries": (
        "세그먼트나 국가가 다름({approved:,} → {now:,} 세그먼트)"
    ),
    "{config} wants an approved plan (require_plan): make one with check --save FILE --by NAME, and give it with --plan FILE": (
        "{config}에 결재된 계획이 필요하다고 되어 있습니다(require_plan). check --save FILE --by NAME으로 만들어 --plan FILE로 주세요"
    ),
    "--save FILE and --by NAME go together: a plan that is kept says who approved it": (
        "--save FILE과 --by NAME은 함께 주어야 합니다. 남기는 계획에는 결재한 사람이 있어야 합니다"
    ),
    # the ledger
    "there is no ledger at {path}; name one with --ledger FILE, or send something: the first `omni-bulk send` makes it": (
        "{path}에 원장이 없습니다. --ledger FILE로 지정하거나 먼저 발송하세요. 처음 `omni-bulk send`를 실행할 때 만들어집니다"
    ),
    "there is no ledger at {ledger}, and --require-ledger wants one": "{ledger}에 원장이 없습니다. --require-ledger를 주어 새로 만들지 않습니다",
    "there is no ledger at {ledger}. Without a terminal one is only created where it was named: give --ledger FILE or set OMNI_LEDGER, on a disk that outlives the job": (
        "{ledger}에 원장이 없습니다. 터미널이 없을 때는 지정한 곳에만 새로 만듭니다. 작업이 끝나도 남는 디스크를 --ledger FILE이나 "
        "OMNI_LEDGER로 지정하세요"
    ),
    "the ledger {path} was removed while it was in use: put it back before anything is sent again": (
        "쓰고 있는 원장이 지워졌습니다: {path}. 다시 보내기 전에 되돌려 놓으세요"
    ),
    "the ledger is closed": "원장이 닫혔습니다",
    "the ledger stopped after an internal error": "내부 오류로 원장이 멈추었습니다",
    "the ledger could not be written": "원장에 쓸 수 없습니다",
    "the results file could not be written": "결과 파일에 쓸 수 없습니다",
    "name another with --ledger": "--ledger로 다른 원장을 지정하세요",
    "{path} is a database of something else, not a ledger; {elsewhere}": "{path}: 원장이 아닌 다른 데이터베이스입니다. {elsewhere}",
    "the ledger {path} was written by a newer omni_bulk (its version is {version}); upgrade first, or {elsewhere}": (
        "원장 {path}: 더 새로운 omni_bulk로 만든 것입니다(버전 {version}). 먼저 업그레이드하거나, {elsewhere}"
    ),
    "the ledger {path} cannot be opened ({error}); {elsewhere}": "원장 {path}: 열 수 없습니다({error}). {elsewhere}",
    "the ledger {path} cannot be read ({error}); {elsewhere}": "원장 {path}: 읽을 수 없습니다({error}). {elsewhere}",
    "the ledger {path} cannot be used ({error}); {elsewhere}, or restore it from a backup": (
        "원장 {path}: 쓸 수 없습니다({error}). 백업에서 되살리거나, {elsewhere}"
    ),
    "SQLite {sqlite_version} is too old; 3.35 or newer is needed": "SQLite {sqlite_version}: 너무 오래된 버전입니다. 3.35 이상이 필요합니다",
    "{path} is a database of something else, not the reports of this ledger; move it away": (
        "{path}: 이 원장의 리포트가 아닌 다른 데이터베이스입니다. 다른 곳으로 옮기세요"
    ),
    "{path} was written by a newer omni_bulk (its version is {version}); upgrade first": (
        "{path}: 더 새로운 omni_bulk로 만든 것입니다(버전 {version}). 먼저 업그레이드하세요"
    ),
    "{path} holds the reports of another ledger; move it away, or name the right --ledger": (
        "{path}: 다른 원장의 리포트입니다. 다른 곳으로 옮기거나 --ledger를 맞게 지정하세요"
    ),
    "the reports file {path} cannot be opened ({error})": "리포트 파일 {path}: 열 수 없습니다({error})",
    "the reports file {path} cannot be used ({error})": "리포트 파일 {path}: 쓸 수 없습니다({error})",
    "the reports file {path} cannot be read ({error})": "리포트 파일 {path}: 읽을 수 없습니다({error})",
    "another FILE": "다른 FILE을 지정하세요",
    "{goal} is the ledger itself; name {other}": "{goal}: 원장 자신입니다. {other}",
    "{goal} is in use as a ledger, or was; name {other}": "{goal}: 원장으로 쓰고 있거나 쓰던 파일입니다. {other}",
    "{goal} is there already and is no copy of a ledger; name {other}": "{goal}: 이미 있는 파일이고 원장의 사본이 아닙니다. {other}",
    "{source} could not be copied: {error}": "{source}: 복사할 수 없습니다. {error}",
    "{source} is damaged ({found}); the earlier copy, if there is one, stays": "{source}: 손상되었습니다({found}). 이전 사본이 있으면 그대로 둡니다",
    "the numbers are erased, but free space in {path} still holds traces of them, and to build so large a file anew would stall whoever is sending. Run the same command again when nothing is being sent": (
        "번호는 지웠지만 {path}의 빈 공간에 흔적이 남아 있습니다. 큰 파일을 새로 만들면 발송이 멈추므로, 보내는 것이 없을 때 같은 명령을 "
        "다시 실행하세요"
    ),
    "the numbers are erased, but somebody is reading {path}, so its -wal still holds traces of them. Run the same command again": (
        "번호는 지웠지만 누군가 {path} 파일을 읽고 있어 -wal에 흔적이 남아 있습니다. 같은 명령을 다시 실행하세요"
    ),
    "a single message to one of these numbers is being sent. Run the same command again": (
        "이 번호 가운데 하나로 단건 문자를 보내는 중입니다. 같은 명령을 다시 실행하세요"
    ),
    # locks
    "pid {pid} on host {host} since {since}": "호스트 {host}, pid {pid}, {since}부터",
    "Another run holds campaign {name}{who}. Wait for it to end, or give --lock-wait SECONDS; `omni-bulk status --runs` shows what is running.": (
        "다른 실행이 이 캠페인을 보내고 있습니다: {name}{who}. 끝나기를 기다리거나 --lock-wait 초를 주세요. "
        "`omni-bulk status --runs`로 실행 중인 것을 볼 수 있습니다."
    ),
    "a run holds campaign {name}{who}. Run the same command again when it has ended": (
        "실행 중인 캠페인입니다: {name}{who}. 끝난 뒤 같은 명령을 다시 실행하세요"
    ),
    "Another process collects the reports of this account{who}. One is enough: read what it writes, or end it.": (
        "다른 프로세스가 이 계정의 리포트를 받고 있습니다{who}. 하나면 충분합니다. 그쪽이 쓰는 파일을 보거나 그쪽을 끝내세요."
    ),
    "This owner id is in use by another process: start again, which takes a new one.": (
        "다른 프로세스가 쓰고 있는 식별자입니다. 다시 시작하면 새로 정해집니다."
    ),
    "The ledger {path} (OMNI_LEDGER, --ledger) lies on a network filesystem ({kind}), where its locks do not hold: name one on a local disk.": (
        "원장 {path} (OMNI_LEDGER, --ledger): 네트워크 파일시스템({kind})에 있어 잠금이 듣지 않습니다. 로컬 디스크에 두세요."
    ),
    "The lock {path} cannot be used: it is a link. Remove it.": "잠금 파일 {path}: 링크라서 쓸 수 없습니다. 지우세요.",
    "The lock {path} cannot be used: {strerror}. Make its directory writable, or name another ledger.": (
        "잠금 파일 {path}: 쓸 수 없습니다({strerror}). 폴더에 쓸 수 있게 하거나 다른 원장을 지정하세요."
    ),
    "{directory} is a link: the locks of a ledger need a directory of its own.": "{directory}: 링크입니다. 원장의 잠금에는 진짜 폴더가 필요합니다.",
    "The filesystem of {path} has no locks: name a ledger on a local disk.": (
        "{path}: 잠금이 없는 파일시스템입니다. 로컬 디스크에 있는 원장을 지정하세요."
    ),
    # reports that wait
    "WARNING: delivery reports begin to die in {hours} h, nobody collects them: omni-bulk reports --poll": (
        "경고: 리포트를 아무도 받지 않아 {hours}시간 뒤부터 사라집니다: omni-bulk reports --poll"
    ),
    "ERROR: nobody has collected delivery reports for {days} days, and those older than 3 days are deleted: omni-bulk reports --poll, then omni-bulk reports --inquire CAMPAIGN for the lost ones": (
        "오류: {days}일 동안 리포트를 아무도 받지 않았고, 3일이 지난 것은 지워졌습니다: omni-bulk reports --poll, 사라진 것은 "
        "omni-bulk reports --inquire CAMPAIGN"
    ),
    # output files
    "the results file {path} cannot be written ({error})": "결과 파일 {path}: 쓸 수 없습니다({error})",
    "the results file {path} cannot be written ({error}); give another with --out": "결과 파일 {path}: 쓸 수 없습니다({error}). --out으로 다른 파일을 지정하세요",
    "the results file {path} cannot be read ({error}); give another with --out": "결과 파일 {path}: 읽을 수 없습니다({error}). --out으로 다른 파일을 지정하세요",
    "{path} is not a results file; give another with --out": "{path}: 결과 파일이 아닙니다. --out으로 다른 파일을 지정하세요",
    "{path} belongs to another campaign ({campaign!r}); give another file with --out": (
        "{path}: 다른 캠페인({campaign!r})의 결과 파일입니다. --out으로 다른 파일을 지정하세요"
    ),
    "{path} holds results of the campaign {campaign!r} that this ledger does not know, so people could get a second message. Use the ledger it was written with (--ledger), or adopt them: --already {path}": (
        "{path}에 이 원장이 모르는 캠페인 {campaign!r} 결과가 있어 두 번 받는 사람이 생길 수 있습니다. 그 파일을 만든 원장을 "
        "쓰거나(--ledger) 결과를 가져오세요: --already {path}"
    ),
    "{path} is ahead of this ledger: the file ends with line {seq:,} of the campaign {campaign!r}, the ledger with {last_seq:,}. An older copy of the ledger was put back, so people could get a second message. Take back what it lacks: --already {path}, or use the ledger that the file was written with (--ledger)": (
        "{path}: 원장보다 앞서 있습니다. 캠페인 {campaign!r} 파일은 {seq:,}번째 줄까지, 원장은 {last_seq:,}번째까지입니다. 예전 원장으로 "
        "되돌린 것이라 두 번 받는 사람이 생길 수 있습니다. 모자란 것을 가져오거나(--already {path}) 그 파일을 만든 원장을 쓰세요(--ledger)"
    ),
    "{what} {path} cannot be written ({error}); name another with {flag}": "{what} {path}: 쓸 수 없습니다({error}). 다른 곳을 지정하세요: {flag}",
    "{path} is there already and is no export; name another file with --out": (
        "{path}: 이미 있는 파일이고 내보낸 파일이 아닙니다. --out으로 다른 파일을 지정하세요"
    ),
    "{path} is not a rejects file of an earlier run; give another with --rejects, or none": (
        "{path}: 이전 실행의 rejects 파일이 아닙니다. --rejects로 다른 파일이나 none을 주세요"
    ),
    "{list} was changed meanwhile, so {path} was not written: check it again": "{list}: 그 사이에 바뀌었습니다. {path} 파일은 쓰지 않았습니다. 다시 확인하세요",
    "the file {path} cannot be written ({error}); give another with --out": "파일 {path}: 쓸 수 없습니다({error}). --out으로 다른 파일을 지정하세요",
    "{path} holds something other than reports; give another file with --out": "{path}: 리포트가 아닌 것이 들어 있습니다. --out으로 다른 파일을 지정하세요",
    "{path} could not be written ({strerror}); make room and run again": "{path}: 쓸 수 없었습니다({strerror}). 공간을 비우고 다시 실행하세요",
    "stdout cannot be written ({strerror})": "표준 출력에 쓸 수 없습니다({strerror})",
    "--summary-json {path} is not a summary of an earlier run; give another file": "--summary-json {path}: 이전 실행의 요약이 아닙니다. 다른 파일을 지정하세요",
    "--summary-json {path} is written by this run already; give another file": "--summary-json {path}: 이번 실행이 이미 쓰는 파일입니다. 다른 파일을 지정하세요",
    "the summary {path} cannot be written ({error})": "요약 파일 {path}: 쓸 수 없습니다({error})",
    "the summary could not be written: {strerror}": "요약을 쓸 수 없었습니다: {strerror}",
    "{flag} {path} holds something else; give another file": "{flag} {path}: 다른 내용이 들어 있습니다. 다른 파일을 지정하세요",
    "{flag} {path} cannot be written ({strerror}); give another file": "{flag} {path}: 쓸 수 없습니다({strerror}). 다른 파일을 지정하세요",
    "--metrics cannot listen at {host}:{port}: {strerror}; give another --metrics HOST:PORT": (
        "--metrics {host}:{port}: 열 수 없습니다({strerror}). --metrics HOST:PORT로 다른 주소를 주세요"
    ),
    "the webhook cannot listen on {host}:{port}: {strerror}; give another --webhook HOST:PORT": (
        "웹훅 {host}:{port}: 열 수 없습니다({strerror}). --webhook HOST:PORT로 다른 주소를 주세요"
    ),
    "the sandbox cannot listen on port {port}: {strerror}; give another --port": "샌드박스 포트 {port}: 열 수 없습니다({strerror}). --port로 다른 포트를 주세요",
    "prometheus-client is not installed, which --metrics and --metrics-file need: pip install 'omni-bulk[metrics]'": (
        "--metrics와 --metrics-file에 필요한 prometheus-client가 없습니다: pip install 'omni-bulk[metrics]'"
    ),
    # in a program, where they are read in English; here for whoever meets one in a command
    "the collector of reports is closed": "리포트 수집이 닫혔습니다",
    "a campaign is used inside `async with omni.campaign(…) as campaign`": "캠페인은 `async with omni.campaign(…) as campaign` 안에서 씁니다",
    "Omni is used inside `async with Omni(settings) as omni`": "Omni는 `async with Omni(settings) as omni` 안에서 씁니다",
    "Omni was drained and takes nothing new": "Omni를 비우는 중이라 새로 받지 않습니다",
    "Omni was drained before there was a result: ask again with the same ref": "결과가 나오기 전에 Omni를 비웠습니다. 같은 ref로 다시 요청하세요",
    "this ref was already used for another number or text; a new message needs a new ref": (
        "이미 다른 번호나 내용에 쓴 ref입니다. 새 문자에는 새 ref를 쓰세요"
    ),
    "a ref has 1 to 190 characters, no control characters, and does not end in ~digits": (
        "ref는 1~190자이고, 제어 문자가 없으며, ~숫자로 끝나지 않아야 합니다"
    ),
}
