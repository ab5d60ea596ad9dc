"""What the other verbs say: `status`, `explain`, `reports`, `resolve`, `export`, `init`, `doctor` and their kin."""

from collections.abc import Mapping
from typing import Final

VERBS: Final[Mapping[str, str]] = {
    # around every verb
    "omni-bulk: {sentence}": "omni-bulk: {sentence}",
    "omni-bulk: {note}": "omni-bulk: {note}",
    "omni-bulk {__version__}": "omni-bulk {__version__}",
    "omni-bulk: interrupted; run the same command again": "omni-bulk: 중단했습니다. 같은 명령을 다시 실행하세요",
    "omni-bulk: this is a bug; the ledger is consistent, and the same command goes on": (
        "omni-bulk: 프로그램 오류입니다. 원장은 온전하며, 같은 명령을 다시 실행하면 이어집니다"
    ),
    "this is a bug; the ledger is consistent": "프로그램 오류입니다. 원장은 온전합니다",
    "there is no verb and no file {word!r}: did you mean {command}?": (
        "{word!r}: 그런 명령도 파일도 없습니다. 혹시 이 명령인가요? {command}"
    ),
    "there is no option {option}": "없는 옵션입니다: {option}",
    "{nothing}: did you mean {near}?": "{nothing}. 혹시 이것인가요? {near}",
    "{option} needs a value": "값이 필요한 옵션입니다: {option}",
    "{what} is missing": "빠졌습니다: {what}",
    "{what} cannot have this value: {why}": "{what}: 쓸 수 없는 값입니다({why})",
    "the command cannot be understood: {why}": "명령을 이해할 수 없습니다: {why}",
    "`{command} --help` shows what there is": "쓸 수 있는 것은 `{command} --help`로 볼 수 있습니다",
    "Say --yes, or run this on a terminal": "--yes를 주거나 터미널에서 실행하세요",
    "Campaign {name}": "캠페인 {name}",
    # status
    "No campaign yet.": "아직 캠페인이 없습니다.",
    "(single sends)": "(단건 발송)",
    "{name}: {recipients:,} recipients, {accepted:,} accepted, {state}": "{name}: 수신자 {recipients:,}명, 접수 {accepted:,}, {state}",
    "complete {completed}": "완료 {completed}",
    "unfinished": "진행 중",
    "Campaign {campaign}: {recipients:,} recipients": "캠페인 {campaign}: 수신자 {recipients:,}명",
    "  began {created}, {state}": "  시작 {created}, {state}",
    "  codes: {codes}": "  응답 코드: {codes}",
    "  countries: {shares}; {segments:,} segments": "  국가: {shares}. {segments:,} 세그먼트",
    "  {number:,} in doubt: they may have left, and nobody recorded what came of it. The next run of the campaign makes them unknown, unless one is sending them at this moment.": (
        "  확인 필요 {number:,}건: 나갔을 수 있는데 결과가 기록되지 않았습니다. 지금 보내는 중이 아니라면 다음 실행이 unknown으로 기록합니다."
    ),
    "  {number:,} unknown: they may have arrived. omni-bulk reports --poll settles what reports prove, omni-bulk resolve {name} decides about the rest": (
        "  결과 모름 {number:,}건: 도착했을 수 있습니다. omni-bulk reports --poll로 리포트를 받아 확정하고, 나머지는 "
        "omni-bulk resolve {name} 명령으로 판단합니다"
    ),
    "ERROR: {recipients} got two messages without a resend. Stop sending, and look at them: omni-bulk export, then omni-bulk explain REF.": (
        "오류: 재발송 지시 없이 두 통 받은 수신자 {recipients}. 발송을 멈추고 확인하세요: omni-bulk export, 그다음 "
        "omni-bulk explain REF."
    ),
    "  cost: unknown, the price list has no price for {missing}": "  비용: 알 수 없음. 단가표에 없는 국가: {missing}",
    "a country that was paid for": "이미 과금된 국가",
    "{cost}; billed by the reports so far: {billed}": "{cost}. 지금까지 리포트로 청구된 금액: {billed}",
    "  no delivery report yet: omni-bulk reports --poll": "  아직 리포트가 없습니다: omni-bulk reports --poll",
    "  delivery: {shares}": "  도착 현황: {shares}",
    "  report codes: {codes}": "  리포트 코드: {codes}",
    "  the oldest message without a report was sent {at}": "  리포트가 없는 가장 오래된 문자의 발송 시각: {at}",
    "  billed in {country}: {billed:,} segments, {estimated:,} estimated{differ}{cost}": (
        "  {country} 청구: {billed:,} 세그먼트, 예상 {estimated:,}{differ}{cost}"
    ),
    "No run yet.": "아직 실행한 적이 없습니다.",
    "killed, or still running": "강제 종료되었거나 아직 실행 중",
    "until {ended}, exit {exit}": "{ended}까지, 종료 코드 {exit}",
    "{started} {campaign}: {how}; pid {pid} on {host}, account {account}": (
        "{started} {campaign}: {how}. 호스트 {host}, pid {pid}, 계정 {account}"
    ),
    "{segments:,} segments estimated, {billed:,} billed": "예상 {segments:,} 세그먼트, 청구 {billed:,}",
    "{delivered:,} delivered": "도착 {delivered:,}",
    "{relayed:,} relayed": "통신사 전달 {relayed:,}",
    "cost {cost}": "비용 {cost}",
    "billed {cost}": "청구 {cost}",
    # reports
    "Collecting reports until interrupted.": "중단할 때까지 리포트를 받습니다.",
    "Listening for reports on http://{host}:{port}/": "리포트를 기다립니다: http://{host}:{port}/",
    "OMNI_WEBHOOK_SECRET is not set, so anybody who reaches this address can tell of deliveries; an unknown message is settled only after the API has confirmed it.": (
        "OMNI_WEBHOOK_SECRET이 없어 이 주소에 닿는 누구나 리포트를 보낼 수 있습니다. unknown은 API가 확인해 준 뒤에만 확정합니다."
    ),
    "Asked about {messages}.": "조회한 문자: {messages}.",
    "{reports} in {batches}: {joined:,} of messages of this ledger, {foreign:,} of other systems, {copies} of known ones.": (
        "{reports} ({batches}): 이 원장의 문자 {joined:,}건, 다른 시스템 {foreign:,}건, 이미 받은 것과 중복 {copies}."
    ),
    "{messages} turned out accepted.": "{messages}: 접수된 것으로 확인되었습니다.",
    "{reports} bear a ref of ours, but may be of something else that used it.": (
        "{reports}: 이쪽 ref가 붙어 있지만, 같은 ref를 쓴 다른 문자의 것일 수 있습니다."
    ),
    "  those that are not ours: {path}": "  이쪽 것이 아닌 리포트: {path}",
    "ERROR: {reports} of a second acceptance that nobody ordered: somebody got two messages. Stop sending, and send the vendor the msgKeys that omni-bulk status shows.": (
        "오류: 지시하지 않은 두 번째 접수의 {reports}. 두 통 받은 사람이 있습니다. 발송을 멈추고, omni-bulk status 명령에 나오는 "
        "msgKey를 공급사에 보내세요."
    ),
    "Interrupted; run the same command again to go on.": "중단했습니다. 같은 명령을 다시 실행하면 이어집니다.",
    # resolve
    "  {recovered:>9,} had been left open by a run that died; they are unknown now": (
        "  {recovered:>9,}건 중단된 실행이 남긴 것. 이제 unknown입니다"
    ),
    "  {settled:>9,} turned out accepted, by their reports": "  {settled:>9,}건 리포트로 접수 확인",
    "  {by_hand:>9,} settled by {file}": "  {by_hand:>9,}건 직접 확정({file})",
    "  {presumed:>9,} presumed unsent: {shares}; {parts}": "  {presumed:>9,}건 보내지 않은 것으로 추정: {shares}. {parts}",
    "  {number:>9,} still unknown: {why}": "  {number:>9,}건 아직 모름: {why}",
    "reports may still come: 72 hours are not over": "아직 리포트가 올 수 있습니다(72시간이 지나지 않음)",
    "reports were not collected without a gap in the 72 hours after; try --inquire, or --file": (
        "보낸 뒤 72시간 동안 리포트를 빈틈없이 받지 않았습니다. reports --inquire나 --file을 써 보세요"
    ),
    "fewer than 95 % of the accepted ones of the same run and country have a report": (
        "같은 실행에서 같은 국가로 접수된 것 가운데 리포트가 있는 것이 95% 미만입니다"
    ),
    "posted a second time already; never a third": "이미 두 번 보냈습니다. 세 번째는 없습니다",
    "nobody knows when they were sent": "언제 보냈는지 알 수 없습니다",
    "Nothing is unknown.": "결과를 모르는 것이 없습니다.",
    "To post the unsent ones again: omni-bulk resolve {name} --resend --list INPUT": (
        "보내지 않은 것을 다시 보내려면: omni-bulk resolve {name} --resend --list 목록파일"
    ),
    "Post {messages} again? [y/N] ": "{messages} 다시 보낼까요? [y/N] ",
    "Posted {messages} again: {outcome}.": "다시 보낸 것 {messages}: {outcome}.",
    "{messages} presumed unsent are not in this list as they were sent.": (
        "보내지 않은 것으로 추정한 {messages}: 이 목록에 보낼 때와 같은 내용으로 들어 있지 않습니다."
    ),
    "Nothing was posted again.": "다시 보내지 않았습니다.",
    # explain
    "This number is erased with forget, and gets nothing, since {since}{note}.": (
        "이 번호는 {since}에 forget으로 삭제되어 아무것도 받지 않습니다{note}."
    ),
    "This number is on the suppression list, since {since}{note}.": "이 번호는 {since}부터 수신 거부 목록에 있습니다{note}.",
    "Reports that belong to nobody:": "이쪽 문자의 것이 아닌 리포트:",
    "claimed: from here on it might leave": "발송 시작: 이때부터 나갔을 수 있음",
    "the run that judged it began": "판단한 실행이 시작됨",
    "older lines may have been pruned from the ledger": "더 오래된 줄은 원장에서 정리되었을 수 있음",
    "presumed unsent: no report ever came": "리포트가 오지 않아 보내지 않은 것으로 추정",
    "asked the API about it; reports it had: {found}": "API에 조회함. 받은 리포트 {found}건",
    "Campaign {campaign}": "캠페인 {campaign}",
    "A single send": "단건 발송",
    "{name}, row {row}": "{name}, {row}행",
    "a number that cannot be read": "읽을 수 없는 번호",
    "  to {to}, from {from_}{weight}": "  수신 {to}, 발신 {from_}{weight}",
    "  it repeats the row with ref {ref}": "  앞선 행과 겹침. 그 행의 ref {ref}",
    "  ref {ref}": "  ref {ref}",
    "{ref}, posted again as {again}": "{ref}, 두 번째 발송의 키 {again}",
    "  account {account} at {origin}": "  계정 {account}, {origin}",
    "  warned by the rule {warning}": "  경고한 규칙 {warning}",
    "no report": "리포트 없음",
    "{parts} [line {seq}]": "{parts} [{seq}번째 줄]",
    "msgKey {msgKey}": "msgKey {msgKey}",
    "msgKey {msgKey}{ref}": "msgKey {msgKey}{ref}",
    "{leg}: {answer} ({means}){kind}{parts}, by {source}": "{leg}: {answer} ({means}){kind}{parts}, 경로 {source}",
    ", {parts} billed": ", 청구 {parts} 세그먼트",
    "also {other}": "그 밖의 항목 {other}",
    "it bears no msgKey, so it settles nobody": "msgKey가 없어 확정에 쓰지 않습니다",
    "ERROR: it was accepted twice and nobody ordered that: stop sending, and give the vendor both msgKeys": (
        "오류: 지시하지 않았는데 두 번 접수되었습니다. 발송을 멈추고 msgKey 둘을 공급사에 알리세요"
    ),
    "a report says that it was accepted, but nobody vouches for it: let the API confirm it": (
        "접수되었다는 리포트가 있지만 보증되지 않았습니다. API로 확인하세요"
    ),
    "it was posted twice and will never be a third time: settle it by what the console says": (
        "이미 두 번 보냈고 세 번째는 없습니다. 콘솔에서 확인한 대로 확정하세요"
    ),
    "it is presumed unsent, and is posted again only on your word": "보내지 않은 것으로 추정됩니다. 지시해야만 다시 보냅니다",
    "it may have arrived: a delivery report would prove it": "도착했을 수 있습니다. 리포트가 오면 확인됩니다",
    "no report will come by itself any more: decide about silence": "더는 리포트가 오지 않습니다. 어떻게 볼지 판단하세요",
    "no delivery report was collected": "받은 리포트 없음",
    "the handset's report is not there": "단말 리포트 없음",
    "{wanted} yet": "아직 {wanted}",
    "{wanted}, and the queue has it no longer: ask the API for it": "{wanted}. 대기열에서도 사라졌으므로 API에 조회하세요",
    "{wanted}, and after 30 days the API cannot be asked any more": "{wanted}. 30일이 지나 API에 조회할 수도 없습니다",
    "it is not sent yet: the next run of its list sends it": "아직 보내지 않았습니다. 목록을 다음에 실행할 때 보냅니다",
    "it may have left, and nobody recorded what came of it: a run is sending it at this moment, or was killed; the next one makes it unknown": (
        "나갔을 수 있는데 결과가 기록되지 않았습니다. 지금 보내는 중이거나 강제로 종료된 것입니다. 다음 실행이 unknown으로 기록합니다"
    ),
    "the API refused it: it is sent again only when its message changes": "API가 거절했습니다. 내용이 바뀌어야 다시 보냅니다",
    "it was certainly not sent: the next run of its list tries again": "보내지 않은 것이 확실합니다. 목록을 다음에 실행할 때 다시 시도합니다",
    "it cannot be sent as it stands: correct the row, and run the list again": "이대로는 보낼 수 없습니다. 행을 고치고 목록을 다시 실행하세요",
    # export
    "{recipients} written to {path}": "수신자 {recipients}, 쓴 파일: {path}",
    # forget and suppress
    "Numbers, one a line; end with Ctrl-D:": "번호를 한 줄에 하나씩 입력하고 Ctrl-D로 끝내세요:",
    "Erase {numbers} from {messages} of {campaigns}, and send them nothing any more? It cannot be undone.": (
        "{numbers} 삭제: {campaigns}의 문자 {messages}에서 지우고 앞으로 아무것도 보내지 않습니다. 되돌릴 수 없습니다. 삭제할까요?"
    ),
    "Say --yes, or run this on a terminal with --file": "--yes를 주거나 터미널에서 --file과 함께 실행하세요",
    "{numbers} nothing any more; erased from {messages} of {campaigns} and {reports}.": (
        "{numbers}: 앞으로 아무것도 보내지 않습니다. 지운 곳: {campaigns}의 문자 {messages}, {reports}."
    ),
    "Nothing was erased.": "아무것도 지우지 않았습니다.",
    "  written anew: {path}": "  다시 쓴 파일: {path}",
    "not found: {path}. If it was moved or copied, erase the numbers there too: --results FILE": (
        "찾지 못함: {path}. 옮기거나 복사해 두었다면 그 파일에서도 지우세요: --results FILE"
    ),
    "campaign {name}: nobody knows where its results file is. If there is one: --results FILE": (
        "캠페인 {name}: 결과 파일이 어디 있는지 알 수 없습니다. 있다면: --results FILE"
    ),
    "left as it is: {path}. An export holds the numbers of its time: remove it": (
        "그대로 둠: {path}. 내보낸 파일에는 그때의 번호가 들어 있으니 직접 삭제하세요"
    ),
    "not finished: {sentence}": "끝내지 못함: {sentence}",
    "{new:,} of {read:,} numbers are new on the list.": "{read:,}개 가운데 새로 등록한 번호 {new:,}개.",
    "{gone:,} of {read:,} numbers were taken off the list.": "{read:,}개 가운데 목록에서 뺀 번호 {gone:,}개.",
    "{forgotten:,} more were forgotten: they get nothing either.": "이 밖에 삭제를 요청한 번호 {forgotten:,}개에도 보내지 않습니다.",
    # ledger
    "{path}: {size}, checked": "{path}: {size}, 검사 완료",
    "Prune {campaigns} with {lines}? They are kept {kept}.": "{campaigns}, {lines} 정리할까요? 남는 곳: {kept}.",
    "nowhere else, unless their results files are kept": "없음(결과 파일을 따로 두지 않았다면)",
    "in {archive}": "{archive}",
    "{campaigns} pruned: {lines} and {reports} as received. {freed}.": "정리함: {campaigns}, {lines}, 받은 {reports}. {freed}.",
    "{size} freed": "비운 공간 {size}",
    "{freed}, {size} are used again before the ledger grows": "{freed}, 원장이 커지기 전에 다시 쓰는 공간 {size}",
    "  archived: {path}": "  보관: {path}",
    "left as it is: {sentence}": "그대로 둠: {sentence}",
    "Nothing was pruned.": "아무것도 정리하지 않았습니다.",
    # init
    "This writes omni-bulk.toml, secrets and a sample list into {folder}.": (
        "omni-bulk.toml, 인증 정보, 예제 목록을 만듭니다. 위치: {folder}"
    ),
    "This writes omni-bulk.toml, a sample list into {folder}.": "omni-bulk.toml과 예제 목록을 만듭니다. 위치: {folder}",
    "Originating number, as registered (empty for none now): ": "등록된 발신번호(나중에 넣으려면 그냥 Enter): ",
    "Client id: ": "client id: ",
    "Client password (is not shown): ": "비밀번호(화면에 보이지 않습니다): ",
    "That is empty, or holds characters that cannot be typed; once more.": "비어 있거나 쓸 수 없는 글자가 있습니다. 다시 입력하세요.",
    "{files} is there already. Replace? [y/N] ": "이미 있습니다: {files}. 바꿀까요? [y/N] ",
    "{files} are there already. Replace? [y/N] ": "이미 있습니다: {files}. 바꿀까요? [y/N] ",
    "  kept     {files}": "  유지     {files}",
    "{kept} (--replace writes it anew)": "{kept} (다시 쓰려면 --replace)",
    "  wrote    {names}": "  만듦     {names}",
    "{secret} (only you can read them)": "{secret} (본인만 읽을 수 있음)",
    "Before you send for real:": "실제로 보내기 전에:",
    "{before} in the environment goes before what is in the files": "환경 변수 {before}: 파일에 적힌 것보다 우선합니다",
    "Next:": "다음에 해 볼 것:",
    "      tries everything, sends nothing": "      전체를 시험해 봅니다. 보내지 않습니다",
    "      says whether all is well, sends nothing": "      문제가 없는지 점검합니다. 보내지 않습니다",
    "      sends one message, to a phone of your own": "      내 휴대폰으로 한 건만 보냅니다",
    # sandbox
    "The sandbox listens on {url}; Ctrl-C ends it.": "샌드박스 주소: {url} (끝내려면 Ctrl-C)",
    "In another terminal:": "다른 터미널에서:",
}
