"""What `send` and `check` say: plan, question, progress, summary, what to do next."""

from collections.abc import Mapping
from typing import Final

SENDING: Final[Mapping[str, str]] = {
    # the plan
    "plan of campaign {name}": "캠페인 {name} 발송 계획",
    "Plan of campaign {name}: {recipients}": "캠페인 {name} 발송 계획: 수신자 {recipients}",
    "  to send: {messages}, {segments}, {time} at {rate:g}/s": "  보낼 것: {messages}, {segments}, 초당 {rate:g}건으로 {time}",
    "  already handled: {handled:,}": "  이미 처리됨: {handled:,}명",
    "  few to, so look twice: {rare} (each under 1 % of the messages)": (
        "  건수가 적어 확인이 필요한 국가: {rare} (각각 전체의 1% 미만)"
    ),
    "  countries: {countries}": "  국가: {countries}",
    "  cost: unknown, the price list has nothing for {unpriced}": "  비용: 알 수 없음. 단가표에 없는 국가: {unpriced}",
    "  cost: {cost}": "  비용: {cost}",
    "  UCS-2: {messages}, {segments}, because of {forced}": "  UCS-2: {messages}, {segments}. 원인: {forced}",
    "  --gsm7 would bring {messages} into GSM-7: {segments} become {then:,}, {saved:,} fewer": (
        "  --gsm7을 주면 GSM-7로 바뀌는 것: {messages}. {segments} → {then:,} ({saved:,} 감소)"
    ),
    "  --gsm7 replaced: {replaced}": "  --gsm7로 바꾼 글자: {replaced}",
    "{char} by {plain!r} in {number:,}": "{char} → {plain!r} {number:,}건",
    "  not sent: {count:,} {status}, {reason} ({where})": "  보내지 않음: {count:,}명 {status}, {reason} ({where})",
    "row {rows}{more}": "행 {rows}{more}",
    "{rows}; column {column}": "{rows}; 열 {column}",
    "  warning: {name}, {countries}": "  경고: {name}, {countries}",
    "  row {row}: {number} ({country}) gets: {text}": "  {row}행: {number} ({country}) 받을 내용: {text}",
    "  note: {note}": "  참고: {note}",
    "note: {note}": "참고: {note}",
    "  ledger: {ledger}": "  원장: {ledger}",
    "{path}, which is not there yet": "{path} (아직 없음)",
    "a throwaway one": "이번 실행에만 쓰는 임시 원장",
    "thrown away": "임시 원장이라 지웠습니다",
    # warnings that are no country's rule
    "a landline, where most networks drop an SMS: --only-mobile leaves them out": (
        "유선 번호입니다. 문자가 대부분 도착하지 않습니다. --only-mobile로 뺄 수 있습니다"
    ),
    "a premium-rate number, where no phone is: --only-mobile leaves them out": (
        "유료 정보 번호라 전화기가 아닙니다. --only-mobile로 뺄 수 있습니다"
    ),
    "freephone, VoIP, a pager or the like, where an SMS rarely arrives: --only-mobile leaves them out": (
        "수신자 부담, 인터넷 전화, 호출기 같은 번호라 거의 도착하지 않습니다. --only-mobile로 뺄 수 있습니다"
    ),
    "braces in the text look like a field that was not filled in: they are sent as they stand": (
        "문구의 중괄호가 채워지지 않은 칸처럼 보입니다. 그대로 나갑니다"
    ),
    "letters stand apart from their marks, as a Mac writes them: --normalize NFC joins them": (
        "글자가 낱자로 풀려 있습니다(맥에서 만든 파일). --normalize NFC로 합칠 수 있습니다"
    ),
    "--gsm7 put other characters in place of those that force UCS-2": "UCS-2가 되게 하는 글자를 --gsm7로 바꾸었습니다",
    # notes of a campaign
    "campaign {before!r} is unfinished and resumed; no list was given to compare with": (
        "끝나지 않은 캠페인 {before!r}: 이어서 보냅니다(비교할 목록이 없었습니다)"
    ),
    "campaign {before!r} is unfinished and the list is the same: it is resumed": (
        "끝나지 않은 캠페인 {before!r}: 목록이 같으므로 이어서 보냅니다"
    ),
    "campaign {before!r} is unfinished, but this is another list: a new campaign begins": (
        "끝나지 않은 캠페인 {before!r}: 목록이 다르므로 새 캠페인을 시작합니다"
    ),
    "{adopted} entries of {path} are known as sent": "{path}: 이미 보낸 것으로 등록 {adopted}건",
    "{marked} entries of {already} are known as sent": "{already}: 이미 보낸 것으로 등록 {marked}건",
    "{doubtful} messages are in doubt after an interruption; they are not posted again": (
        "중단되어 결과가 확인되지 않은 {doubtful}건이 있습니다. 다시 보내지 않습니다"
    ),
    "{recovered} messages were in doubt after an interruption and are recorded as unknown; they are not posted again": (
        "중단되어 결과가 확인되지 않은 {recovered}건을 unknown으로 기록했습니다. 다시 보내지 않습니다"
    ),
    "the details of this campaign's first {pruned:,} lines were pruned; who has a message is still known, and nobody gets a second one": (
        "이 캠페인의 처음 {pruned:,}줄은 정리되었습니다. 누가 받았는지는 남아 있으므로 두 번 보내지 않습니다"
    ),
    "{messages} unknown messages ({segments} segments) are posted once more, if they are listed": (
        "결과를 모르는 {messages}건({segments} 세그먼트)은 목록에 있으면 한 번 더 보냅니다"
    ),
    "this ledger knows nobody whom it reached; --once-per looks no further back": (
        "이 원장에는 아직 보낸 기록이 없습니다. --once-per는 원장에 있는 것만 봅니다"
    ),
    "this ledger knows since {since} whom it reached; --once-per looks no further back": (
        "이 원장의 기록은 {since}부터입니다. --once-per는 그 앞을 보지 않습니다"
    ),
    # the question
    "Send {messages}? [y/N] ": "{messages} 보낼까요? [y/N] ",
    "the question cannot be shown, stderr is not a terminal: give --yes to send without it": (
        "표준 오류가 터미널이 아니어서 물어볼 수 없습니다. 묻지 않고 보내려면 --yes를 주세요"
    ),
    "Nothing was sent.": "아무것도 보내지 않았습니다.",
    # progress
    "sending": "보내는 중",
    "starting": "시작하는 중",
    "{now:.0f}/s, average {average:.0f}, at most {most}": "초당 {now:.0f}건, 평균 {average:.0f}, 최고 {most}",
    "{rate:.0f} of {ceiling:g}": "{rate:.0f}/{ceiling:g}",
    "shared by {processes}": "프로세스 {processes}개가 나눠 씀",
    "A020 {share:.2f} %": "A020 {share:.2f}%",
    "p50/p99 {half:.0f}/{most:.0f} ms": "p50/p99 {half:.0f}/{most:.0f}ms",
    "no A020": "A020 없음",
    "{number:,} in flight": "응답 대기 {number:,}건",
    "{tokens:,} tokens": "토큰 {tokens:,}개",
    "slower than the rate": "지정한 속도보다 느림",
    "{time} behind the rate": "지정한 속도보다 {time} 늦음",
    "all workers are busy": "동시 요청 한도가 다 참",
    "the one worker is busy": "동시 요청 한도(1개)가 다 참",
    "{busy}, {late}: the API answers too slowly for this rate": "{busy}, {late}: API 응답이 이 속도에는 너무 느립니다",
    "{busy}, {late}: --workers {needed} instead of {workers}": "{busy}, {late}: --workers {workers} 대신 {needed}",
    "{done:,} done": "{done:,}건 완료",
    "{done:,} of {total:,} done": "{total:,}건 중 {done:,}건 완료",
    "{number:,} {status}": "{status} {number:,}",
    "waits: {why}": "대기 중: {why}",
    "server unreachable": "서버에 연결되지 않음",
    "server wants a pause": "서버가 잠시 멈추라고 함",
    "server refuses": "서버가 거부함",
    "no answer of the API": "API의 응답이 아님",
    "too many refusals": "거절이 너무 많음",
    "too many lost answers": "응답을 잃은 것이 너무 많음",
    # signals
    "Interrupted: finishing what is in flight. Once more ends it at once.": (
        "중단합니다. 이미 나간 요청의 응답을 기다립니다. 한 번 더 누르면 바로 끝냅니다."
    ),
    "interrupted before anything was sent; run the same command again": "보내기 전에 중단했습니다. 같은 명령을 다시 실행하세요",
    # the summary
    "campaign {name}": "캠페인 {name}",
    "Campaign {name}: {recipients}": "캠페인 {name}: 수신자 {recipients}",
    "{head} read so far": "{head}(여기까지 읽음)",
    "{head}, {handled:,} of them handled before": "{head}, 그중 {handled:,}명은 전에 처리됨",
    "  {number:>9,} {status}": "  {number:>9,}명 {status}",
    "  {number:>9,} not sent yet": "  {number:>9,}명 아직 보내지 않음",
    "{left}, and the rest of the list": "{left}, 읽지 않은 나머지 목록은 별도",
    "  the next may be sent at {not_before}": "  다음 발송 가능 시각: {not_before}",
    "  {posts} in {seconds}, {pace:.0f}/s{refused}": "  {posts}, {seconds} 동안, 초당 {pace:.0f}건{refused}",
    ", {number:,} of them A020": ", 그중 A020 {number:,}건",
    "  not one A020: the contract may allow more than --rate {ceiling:g}": (
        "  A020이 한 번도 없었습니다. 계약상 --rate {ceiling:g}보다 빨리 보낼 수 있을지도 모릅니다"
    ),
    "  results: {out}": "  결과 파일: {out}",
    "  rejects: {path} ({rows} to correct; then send that file with --campaign)": (
        "  rejects 파일: {path} (고칠 것 {rows}. 고친 뒤 그 파일을 --campaign과 함께 보내세요)"
    ),
    "Stopped: {stopped}": "중지: {stopped}",
    "SANDBOX: nothing was sent.": "샌드박스: 실제로는 아무것도 보내지 않았습니다.",
    "SANDBOX: nothing was sent. The sandbox took {messages}.": (
        "샌드박스: 실제로는 아무것도 보내지 않았습니다. 샌드박스가 받은 것: {messages}."
    ),
    "This campaign was already complete ({completed}); nothing was sent.": (
        "이미 끝난 캠페인입니다({completed}). 아무것도 보내지 않았습니다."
    ),
    # what to do next
    "To send it for real, leave out --sandbox. `omni-bulk init` asks for the credentials, `omni-bulk doctor` checks.": (
        "실제로 보내려면 --sandbox를 빼세요. 인증 정보는 `omni-bulk init`으로 넣고 `omni-bulk doctor`로 점검합니다."
    ),
    "Cure the cause, then run the same command again to go on; nobody gets a second message.": (
        "원인을 해결한 뒤 같은 명령을 다시 실행하면 이어서 보냅니다. 두 번 받는 사람은 없습니다."
    ),
    "`omni-bulk doctor{place}` checks the credentials and the network.": (
        "`omni-bulk doctor{place}` 명령으로 인증 정보와 네트워크를 점검할 수 있습니다."
    ),
    "`omni-bulk doctor{place}` says whether it is the network.": "`omni-bulk doctor{place}` 명령으로 네트워크 문제인지 알 수 있습니다.",
    "`omni-bulk status {name}{place}` shows the codes.": "`omni-bulk status {name}{place}` 명령으로 응답 코드를 볼 수 있습니다.",
    "Run the same command again to go on; nobody gets a second message.": (
        "같은 명령을 다시 실행하면 이어서 보냅니다. 두 번 받는 사람은 없습니다."
    ),
    "The unknown ones may have arrived, so they are not sent again. Delivery reports tell: omni-bulk reports --poll{place}, then omni-bulk status {name}{place}": (
        "결과를 모르는 것(unknown)은 도착했을 수 있어 다시 보내지 않습니다. 리포트로 확인하세요: omni-bulk reports --poll{place}, "
        "그다음 omni-bulk status {name}{place}"
    ),
    "Correct the rows that were not sent and run the same command again: only they are sent.": (
        "보내지 못한 행을 고쳐 같은 명령을 다시 실행하면 그 행만 보냅니다."
    ),
    "Everybody in one file: omni-bulk export {name}{place}": "전체 결과를 파일 하나로: omni-bulk export {name}{place}",
    # reports beside it
    "Delivery reports die from {at:%Y-%m-%d %H:%M} ({tz}) on, when nobody collects them before: omni-bulk reports --poll{place}": (
        "리포트는 {at:%Y-%m-%d %H:%M} ({tz})부터 API에서 사라집니다. 그 전에 받으세요: omni-bulk reports --poll{place}"
    ),
    "Sent. Collecting delivery reports for {time} more.": "다 보냈습니다. 앞으로 {time} 동안 리포트를 받습니다.",
    "Delivery: {shares}": "도착 현황: {shares}",
    "nothing was accepted": "접수된 것이 없음",
    "reports are not collected here: {why}": "여기서는 리포트를 받지 않습니다: {why}",
    "reports were not collected to the end: {why}": "리포트를 끝까지 받지 못했습니다: {why}",
    "ERROR: {recipients} got two messages that nobody ordered. Stop sending, and send the vendor the msgKeys that omni-bulk status {name} shows.": (
        "오류: 재발송 지시 없이 두 통 받은 수신자 {recipients}. 발송을 멈추고, omni-bulk status {name} 명령에 나오는 msgKey를 "
        "공급사에 보내세요."
    ),
    # the test message
    "Test message, as row {row} would get it ({encoding}, {segments} parts):": (
        "시험 문자, {row}행이 받을 내용 그대로({encoding}, {segments} 세그먼트):"
    ),
    "Test message: {end}; nothing of the campaign was touched.": "시험 문자: {end}. 캠페인에는 손대지 않았습니다.",
    "none of the first {most:,} rows can be sent, so there is no message to test: correct the list": (
        "처음 {most:,}행 가운데 보낼 수 있는 행이 없어 시험할 문자가 없습니다. 목록을 고치세요"
    ),
}
