"""Words of closed lists, counted things, and spans of time."""

from collections.abc import Mapping
from typing import Final

_COUNTED: Final[Mapping[tuple[str, str], str]] = {
    ("recipient", "recipients"): "{number:,}명",
    ("message", "messages"): "{number:,}건",
    ("unknown message", "unknown messages"): "결과를 모르던 {number:,}건",
    ("segment", "segments"): "{number:,} 세그먼트",
    ("report", "reports"): "리포트 {number:,}건",
    ("new report", "new reports"): "새 리포트 {number:,}건",
    ("batch", "batches"): "묶음 {number:,}개",
    ("copy", "copies"): "{number:,}건",
    ("row", "rows"): "{number:,}행",
    ("line", "lines"): "{number:,}줄",
    ("post", "posts"): "요청 {number:,}건",
    ("attempt", "attempts"): "시도 {number:,}회",
    ("number", "numbers"): "번호 {number:,}개",
    ("number gets", "numbers get"): "번호 {number:,}개",
    ("campaign", "campaigns"): "캠페인 {number:,}개",
}
_WORDS: Final[Mapping[str, str]] = {
    # states: the word of the files stands beside it, so that one finds it there
    "accepted": "접수(accepted)",
    "rejected": "거절(rejected)",
    "failed": "실패(failed)",
    "unknown": "결과 모름(unknown)",
    "invalid": "잘못된 행(invalid)",
    "skipped": "제외(skipped)",
    "ready": "남음(ready)",
    "inDoubt": "확인 필요(inDoubt)",
    "presumedUnsent": "보내지 않은 것으로 추정(presumedUnsent)",
    "in doubt": "확인 필요",
    "not sent yet": "아직 보내지 않음",
    # delivery
    "none": "없음",
    "pending": "단말 리포트 대기(pending)",
    "relayed": "통신사 전달(relayed)",
    "delivered": "도착(delivered)",
    "undelivered": "미도착(undelivered)",
    "without a report": "리포트 없음",
    # where reports came from
    "poll": "폴링",
    "inquiry": "조회",
    "webhook": "웹훅",
    "import": "가져온 파일",
    "report": "리포트",
    "report of the relay": "중계 리포트",
    "report of the handset": "단말 리포트",
    # spans
    "{seconds:.0f} s": "{seconds:.0f}초",
    "under 1 s": "1초 미만",
    "{minutes} min": "{minutes}분",
    "{minutes:.0f} min {seconds:02.0f} s": "{minutes:.0f}분 {seconds:02.0f}초",
    "{hours} h {minutes:02d} min": "{hours}시간 {minutes:02d}분",
    "{time} left": "남은 시간 {time}",
    # enumerations
    "{first} and {more} more": "{first} 외 {more}개",
    "row {number}": "{number}행",
    "and {number:,} more": "그 밖에 {number:,}건 더",
    "not given": "지정하지 않음",
    # scripts
    "Hangul": "한글",
    "Han": "한자",
    "Hiragana": "히라가나",
    "Katakana": "가타카나",
    "Thai": "태국 문자",
    "Cyrillic": "키릴 문자",
    "Arabic": "아랍 문자",
    "Hebrew": "히브리 문자",
    "Devanagari": "데바나가리 문자",
    "Khmer": "크메르 문자",
    "Lao": "라오 문자",
    "Myanmar": "미얀마 문자",
    "Greek": "그리스 문자",
    # what requests fail of
    "dns": "이름 조회 실패",
    "refused": "연결 거부",
    "connect timeout": "연결 시간 초과",
    "tls": "TLS 오류",
    "proxy": "프록시 오류",
    "timeout": "응답 시간 초과",
    "connection lost": "연결 끊김",
    "certificate": "인증서 오류",
    "proxy auth": "프록시 인증 거부",
    "interrupted": "중단됨",
    "bad answer": "읽을 수 없는 응답",
    # what the system says
    "No such file or directory": "그런 파일이나 폴더가 없음",
    "Permission denied": "권한이 없음",
    "Is a directory": "폴더임",
    "Not a directory": "폴더가 아님",
    "No space left on device": "디스크에 남은 공간이 없음",
    "Disk quota exceeded": "디스크 할당량 초과",
    "Read-only file system": "읽기 전용 파일시스템",
    "File exists": "같은 이름의 파일이 있음",
    "Address already in use": "이미 쓰고 있는 주소",
    "Connection refused": "연결 거부",
    "Input/output error": "입출력 오류",
    "{told}: if it is open in Excel or another program, close it there": (
        "{told}. 엑셀이나 다른 프로그램에서 열려 있다면 거기서 닫으세요"
    ),
    "it is no results file": "결과 파일이 아님",
    "it is a link": "링크임",
    "it is not a regular file": "일반 파일이 아님",
    "everybody can write to its directory: run `chmod o-w` on that": (
        "누구나 쓸 수 있는 폴더에 있음. 그 폴더에 `chmod o-w`를 실행하세요"
    ),
    # what is written
    "the archive": "보관 파일",
    "the export": "내보내기 파일",
    "the file": "파일",
    "the plan": "계획 파일",
    "the rejects": "rejects 파일",
}
TERMS: Final[Mapping[str, str]] = {
    **{f"{{number:,}} {word}": korean for words, korean in _COUNTED.items() for word in words},
    **_WORDS,
}
