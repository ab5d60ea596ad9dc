"""What `doctor` finds, and what to do about it."""

from collections.abc import Mapping
from typing import Final

CHECKS: Final[Mapping[str, str]] = {
    # marks and names
    "ok": "정상",
    "warn": "주의",
    "WARN": "주의",
    "FAIL": "문제",
    "fail": "문제",
    "settings": "설정",
    "credentials": "인증 정보",
    "clock": "시각",
    "ledger": "원장",
    "disk": "디스크",
    "open files": "파일 수",
    "reports": "리포트",
    "versions": "버전",
    # settings
    "no settings file": "설정 파일 없음",
    "Correct it; every setting is in the file that `omni-bulk init` writes.": (
        "고치세요. `omni-bulk init`으로 만든 파일에 모든 설정이 있습니다."
    ),
    # network
    "{host} is an address, no name to look up": "{host}: 이미 IP 주소",
    "{host} is {address}": "{host} → {address}",
    "{host} is {address} and {more} more": "{host} → {address} 외 {more}개",
    "no answer within {seconds:.0f} s": "{seconds:.0f}초 안에 응답 없음",
    "no answer": "응답 없음",
    "Check the network of this computer, and --base-url or the proxy.": "이 컴퓨터의 네트워크와 --base-url, 프록시를 확인하세요.",
    "without an address": "주소를 찾지 못해 생략",
    "http, on this computer": "http, 이 컴퓨터 안",
    "through the proxy; asking for the token verifies it too": "프록시를 거침. 토큰을 받을 때 함께 확인",
    "the certificate does not verify: {verify_message}": "인증서를 확인할 수 없음: {verify_message}",
    "If a proxy of your company stands between, give its certificate with --ca-file; else do not send.": (
        "회사 프록시를 거친다면 그 인증서를 --ca-file로 주세요. 아니라면 보내지 마세요."
    ),
    "the certificate is good for {days:,.0f} more days": "인증서 유효 기간 {days:,.0f}일 남음",
    "Nothing on your side: tell the vendor, if it is not renewed in time.": (
        "이쪽에서 할 일은 없습니다. 제때 갱신되지 않으면 공급사에 알리세요."
    ),
    "no connection to {host}:{port}: {why}": "{host}:{port} 연결 실패: {why}",
    "Check firewall and --base-url.": "방화벽과 --base-url을 확인하세요.",
    "network is unreachable": "네트워크에 연결되지 않음",
    "connection refused": "연결 거부",
    "name or service not known": "그런 이름이 없음",
    "temporary failure in name resolution": "이름 조회가 일시적으로 되지 않음",
    # credentials and clock
    "the API gives a token for them": "API에서 토큰을 받음",
    "they are missing": "없음",
    "no token could be had ({what})": "토큰을 받지 못함({what})",
    "Try again in a minute.": "잠시 뒤 다시 해 보세요.",
    "Correct client id and password (`omni-bulk init` asks for them), or ask the vendor about the account.": (
        "client id와 비밀번호를 고치거나(`omni-bulk init`) 공급사에 계정을 문의하세요."
    ),
    "the server did not say what time it is": "서버가 시각을 알려 주지 않음",
    "the answer to the credentials would tell": "인증 정보가 있어야 확인할 수 있음",
    "{off:,.0f} s ahead of the server's": "서버보다 {off:,.0f}초 빠름",
    "{off:,.0f} s behind the server's": "서버보다 {off:,.0f}초 느림",
    "within {off:.0f} s of the server's": "서버와 {off:.0f}초 이내",
    "it is {way}": "{way}",
    "it is {way}: windows and periods would begin at the wrong time": "{way}. 발송 시간과 기간이 엉뚱한 때 시작됩니다",
    "Turn on time synchronisation (NTP) on this computer.": "이 컴퓨터의 시각 동기화(NTP)를 켜세요.",
    # the ledger
    "{path}: whole, version {version}, {sizes}, {recipients:,} recipients": (
        "{path}: 온전함, 버전 {version}, {sizes}, 수신자 {recipients:,}명"
    ),
    "{sizes} and {log:,.1f} MB of log": "{sizes} + 로그 {log:,.1f} MB",
    "there is none yet at {path}; the first send makes it": "{path}: 아직 없음. 처음 보낼 때 만듭니다",
    "{path} cannot be made: {folder} cannot be written": "{path}: 만들 수 없음. 쓸 수 없는 폴더: {folder}",
    "Name another --ledger.": "--ledger로 다른 곳을 지정하세요.",
    "Name one on a local disk with --ledger.": "--ledger로 로컬 디스크에 있는 파일을 지정하세요.",
    "{path}: this user may not write it": "{path}: 이 사용자는 쓸 수 없음",
    "Run as its owner, or name another.": "소유자로 실행하거나 다른 원장을 지정하세요.",
    "it is a database of something else": "다른 프로그램의 데이터베이스",
    "a newer omni_bulk wrote it (its version is {version})": "더 새로운 omni_bulk로 만든 것(버전 {version})",
    "Upgrade omni_bulk.": "omni_bulk를 업그레이드하세요.",
    "it is damaged ({wrong:.200})": "손상됨({wrong:.200})",
    "it cannot be read ({error})": "읽을 수 없음({error})",
    "Restore it from a backup and give each campaign's results file once with --already; without a backup name a new ledger and do the same.": (
        "백업에서 되살린 뒤 캠페인마다 결과 파일을 --already로 한 번씩 주세요. 백업이 없으면 새 원장을 지정하고 똑같이 하세요."
    ),
    "no message": "없음",
    "{messages} claimed without a result": "보내기 시작했으나 결과가 없는 {messages}",
    "If a run is going on, that is as it should be. If not, one was cut off: run its command again, which records them as unknown and sends nobody twice.": (
        "지금 보내는 중이라면 정상입니다. 아니라면 중단된 것이니 그 명령을 다시 실행하세요. unknown으로 기록하고 두 번 보내지 않습니다."
    ),
    "last collected {hours:,.0f} h ago": "{hours:,.0f}시간 전에 받음",
    "{told}: some may be deleted already": "{told}. 일부는 이미 지워졌을 수 있음",
    "Run `omni-bulk reports --poll`, every few hours: the API deletes them after 3 days.": (
        "`omni-bulk reports --poll`을 몇 시간마다 실행하세요. API는 3일이 지나면 지웁니다."
    ),
    # this computer
    "{gib:,.1f} GiB free at {place}, room for some {messages:,} messages": (
        "{place}: {gib:,.1f} GiB 남음, 약 {messages:,}건을 기록할 수 있음"
    ),
    "Make room: without it nothing can be recorded, so nothing is sent.": "공간을 비우세요. 기록할 수 없으면 보내지 않습니다.",
    "Make room before a large campaign.": "큰 캠페인을 보내기 전에 공간을 비우세요.",
    "the limit is {limit:,}, and {workers} workers need {needed:,}": "한도 {limit:,}. --workers {workers}에 필요한 수 {needed:,}",
    "the limit is {limit:,}; {workers} workers need {needed:,}": "한도 {limit:,}. --workers {workers}에 필요한 수 {needed:,}",
    "Run `ulimit -n {needed}` before (in a service LimitNOFILE={needed}), or give fewer --workers.": (
        "`ulimit -n {needed}` 명령을 먼저 실행하거나(서비스라면 LimitNOFILE={needed}) --workers를 줄이세요."
    ),
    "this system has no such limit": "이 시스템에는 그런 한도가 없음",
    "is not installed": "(설치되지 않음)",
    "Nothing was sent. {number} to be cured before you send.": "아무것도 보내지 않았습니다. 보내기 전에 해결할 것: {number}개.",
    "Nothing was sent. You can send.": "아무것도 보내지 않았습니다. 보낼 준비가 되었습니다.",
}
