"""What is wrong with flags, settings, lists, texts and tables, and what to do about it."""

from collections.abc import Mapping
from typing import Final

_FLAGS: Final[Mapping[str, str]] = {
    "--lang is one of {allowed}, not {given!r}": "--lang: {allowed} 중 하나여야 합니다. 받은 값: {given!r}",
    "--log-format is one of text, json, not {given!r}": "--log-format: text, json 중 하나여야 합니다. 받은 값: {given!r}",
    "--format is one of {allowed}, not {asked!r}": "--format: {allowed} 중 하나여야 합니다. 받은 값: {asked!r}",
    "{flag} is one of {allowed}, not {value!r}": "{flag}: {allowed} 중 하나여야 합니다. 받은 값: {value!r}",
    "{flag} takes a duration such as 90s, 30m or 2h": "{flag}: 90s, 30m, 2h 같은 시간을 주세요",
    "{flag} takes a date or a time such as 2026-11-22 or 2026-11-22T23:30:00+09:00": (
        "{flag}: 2026-11-22나 2026-11-22T23:30:00+09:00 같은 날짜나 시각을 주세요"
    ),
    "a list on stdin has no name: give --campaign NAME": "표준 입력으로 받은 목록은 이름이 없습니다. --campaign NAME을 주세요",
    "--text and --text-file both give the template: keep one": "--text와 --text-file은 하나만 주세요",
    "--texts brings the text for everybody (a default too): leave out --text and --text-file": (
        "--texts에 모두의 문구(기본값 포함)가 있으므로 --text와 --text-file은 빼세요"
    ),
    "--as-of decides the period of --per: give --per day, week or month too": (
        "--as-of는 --per의 기간을 정합니다. --per day, week, month 중 하나도 주세요"
    ),
    "--proxy would show its password to everybody on this machine: give it in OMNI_PROXY or in the settings file": (
        "--proxy의 비밀번호가 이 컴퓨터의 모두에게 보입니다. OMNI_PROXY나 설정 파일로 주세요"
    ),
    "--out - and --summary-json - would both write to stdout: give one of them a file": (
        "--out -과 --summary-json -은 둘 다 표준 출력에 씁니다. 하나는 파일로 주세요"
    ),
    "--out {out}: there is no folder {folder}; make it, or give another file": "--out {out}: 없는 폴더입니다({folder}). 만들거나 다른 파일을 주세요",
    "--max-cost needs a price list: give --prices FILE, or `prices` in the settings file": (
        "--max-cost에는 단가표가 필요합니다. --prices FILE이나 설정 파일의 `prices`로 주세요"
    ),
    "--prices would change what the account's budget counts with: put `prices` into the settings file instead": (
        "계정 예산이 있으면 --prices로 단가표를 바꿀 수 없습니다. 설정 파일의 `prices`에 적으세요"
    ),
    "there is no text: give --text, --text-file or --texts, or a text column in the list": (
        "문구가 없습니다. --text, --text-file, --texts로 주거나 목록에 내용 열을 넣으세요"
    ),
    "--texts chooses by the column {column!r}, which the list does not have: it has {names}": (
        "--texts가 고를 때 쓰는 열이 목록에 없습니다: {column!r}. 있는 열: {names}"
    ),
    "the template needs {fields}, which the list has no column for: it has {names}. Say --map COLUMN={field}, or write {{{field}|what else}} in the template": (
        "문구에 필요한 {fields}에 맞는 열이 목록에 없습니다. 있는 열: {names}. `--map 열이름={field}` 옵션을 주거나 문구에 "
        "{{{field}|대신할 말}}처럼 적으세요"
    ),
    "there is no originating number: give --from, or a from column in the list": "발신번호가 없습니다. --from으로 주거나 목록에 발신번호 열을 넣으세요",
    "--metrics takes a port such as 9400, or HOST:PORT, not {value!r:.60}": "--metrics: 9400 같은 포트나 HOST:PORT를 주세요. 받은 값: {value!r:.60}",
    "--max-cost takes a plain amount such as 50000 or 99.5, not {value!r:.40}": "--max-cost: 50000이나 99.5 같은 금액을 주세요. 받은 값: {value!r:.40}",
    "--test-to: {why}": "--test-to: {why}",
    "--from: {why}": "--from: {why}",
    "--unknown is hold, or resend:AFTER such as resend:10m": "--unknown: hold, 또는 resend:10m처럼 주세요",
    "--file-mode takes an octal mode from 600 to 666, such as 640": "--file-mode: 640처럼 600에서 666 사이의 8진수를 주세요",
    "--map takes COLUMN=FIELD, such as --map Handy=to, not {pair!r}": "--map: --map 휴대번호=to처럼 열이름=필드로 주세요. 받은 값: {pair!r}",
    "--tolerate takes states and shares such as invalid=1%,failed=0.5%,unknown=0.1%": (
        "--tolerate: invalid=1%,failed=0.5%,unknown=0.1%처럼 상태와 비율을 주세요"
    ),
    "--webhook takes HOST:PORT such as 127.0.0.1:8080, not {value!r}": "--webhook: 127.0.0.1:8080처럼 HOST:PORT를 주세요. 받은 값: {value!r}",
    "give one of --poll, --follow, --inquire, --import and --webhook; `omni-bulk reports --poll` collects what is there": (
        "--poll, --follow, --inquire, --import, --webhook 가운데 하나를 주세요. `omni-bulk reports --poll`이면 지금 있는 것을 모두 받습니다"
    ),
    "--resend needs --list INPUT, the list that was sent: texts are not kept in the ledger": (
        "--resend에는 보냈던 목록이 필요합니다(--list INPUT). 문구는 원장에 남기지 않습니다"
    ),
    "posting again can give somebody a second message: say --yes, or run this on a terminal": (
        "다시 보내면 두 번 받는 사람이 생길 수 있습니다. --yes를 주거나 터미널에서 실행하세요"
    ),
    "--since and --until take a day or a time, such as 2026-11-22 or 2026-11-22T09:30, and until is the later": (
        "--since와 --until: 2026-11-22나 2026-11-22T09:30 같은 날짜나 시각을 주고, until이 더 늦어야 합니다"
    ),
    "--month takes a month such as 2026-11, not {text!r}": "--month: 2026-11 같은 달을 주세요. 받은 값: {text!r}",
    "--month is about everything sent in it: give it without CAMPAIGN and --runs": "--month는 그달에 보낸 전체입니다. CAMPAIGN과 --runs 없이 주세요",
    "--older-than takes an age such as 90d, not {older_than!r}": "--older-than: 90d 같은 기간을 주세요. 받은 값: {older_than!r}",
    "--archive {archive}: there is no such directory": "--archive {archive}: 없는 폴더입니다",
    "--report-code takes REF=CODE or NUMBER=CODE, such as order-7=23001, not {text!r}.": (
        "--report-code: order-7=23001처럼 REF=CODE나 NUMBER=CODE로 주세요. 받은 값: {text!r}."
    ),
    "--stdin and --without-credentials contradict each other: keep one": "--stdin과 --without-credentials는 하나만 주세요",
    "--stdin takes exactly two lines: the client id, then the password": "--stdin: 두 줄만 받습니다. 첫 줄은 client id, 둘째 줄은 비밀번호입니다",
    "init asks for the credentials, and there is no terminal to ask on: give them as two lines on stdin with --stdin, or write the rest with --without-credentials": (
        "인증 정보를 물어야 하는데 터미널이 없습니다. --stdin으로 표준 입력 두 줄에 주거나, --without-credentials로 나머지만 만드세요"
    ),
    "interrupted, so nothing was written": "중단되어 아무것도 쓰지 않았습니다",
    "nothing usable was typed, so nothing was written": "쓸 수 있는 값이 입력되지 않아 아무것도 쓰지 않았습니다",
    "the input ended, so nothing was written": "입력이 끝나서 아무것도 쓰지 않았습니다",
    "this terminal cannot hide what is typed, so the password was not asked for: give it with --stdin": (
        "이 터미널은 입력을 가릴 수 없어 비밀번호를 묻지 않았습니다. --stdin으로 주세요"
    ),
    "{folder} cannot be written ({strerror}); name another folder": "{folder}: 쓸 수 없습니다({strerror}). 다른 폴더를 지정하세요",
}
_SETTINGS: Final[Mapping[str, str]] = {
    "OMNI_{name} is not set: set it, or OMNI_{name}_FILE to the path of a file; `omni-bulk init` asks for it.": (
        "OMNI_{name} 값이 없습니다. 이 변수를 설정하거나 OMNI_{name}_FILE에 파일 경로를 주세요. `omni-bulk init`으로도 넣을 수 있습니다."
    ),
    "{place} has no setting `{name}`.": "{place}: 없는 설정입니다 `{name}`.",
    "{place} has no setting `{name}`: did you mean `{near}`?": "{place}: 없는 설정입니다 `{name}`. 혹시 이것인가요? `{near}`",
    "{path} holds `{name}` and others can read it: run `chmod 600` on it{way}.": (
        "{path}: `{name}` 값이 들어 있는데 다른 사용자도 읽을 수 있습니다. 이 파일에 `chmod 600`을 실행하세요{way}."
    ),
    ", or use `{name}_file`": "(또는 `{name}_file` 사용)",
    "`{name}` in {path}": "{path}의 `{name}`",
    "{one} and {other} are both given: keep one of them.": "둘 다 주어졌습니다: {one}, {other}. 하나만 남기세요.",
    "{called} must be the path of a file.": "{called}: 파일 경로여야 합니다.",
    "{called} cannot be read: {path}: {strerror}.": "{called}: 읽을 수 없습니다: {path}: {strerror}.",
    "{called} names no UTF-8 text: {path}.": "{called}: UTF-8 텍스트가 아닙니다: {path}.",
    "{called} names a file that is {what}: {path}.": "{called}: {what}: {path}.",
    "too large": "너무 큰 파일입니다",
    "empty": "빈 파일입니다",
    "{path} (--config) is no file; `omni-bulk init` writes one.": "{path} (--config): 그런 파일이 없습니다. `omni-bulk init`으로 만들 수 있습니다.",
    "{path} is not valid TOML: {error}.": "{path}: 올바른 TOML이 아닙니다: {error}.",
    "{setting} is a directory: {path}.": "{setting}: 폴더입니다: {path}.",
    "{setting} cannot be read: {path}: {strerror}.": "{setting}: 읽을 수 없습니다: {path}: {strerror}.",
    "{setting} {clause}.": "{setting}: {clause}.",
    "{clause}, not {given}": "{clause}. 받은 값: {given}",
    "must not hold a user name or password": "사용자 이름이나 비밀번호를 넣을 수 없습니다",
    "must not have a query or a fragment": "?나 #이 들어갈 수 없습니다",
    "must begin with https:// (http is for this machine alone: 127.0.0.1, ::1, localhost)": (
        "https://로 시작해야 합니다(http는 이 컴퓨터 안에서만: 127.0.0.1, ::1, localhost)"
    ),
    "must be text on one line, and not empty": "비어 있지 않은 한 줄이어야 합니다",
    "must be a URL such as https://omni.ibapi.kr": "https://omni.ibapi.kr 같은 URL이어야 합니다",
    "must be the path of a file": "파일 경로여야 합니다",
    "must be above 0 and at most 10,000 messages a second": "초당 0건보다 크고 10,000건 이하여야 합니다",
    "must be a whole number from 1 to 1,000": "1에서 1,000 사이의 정수여야 합니다",
    "must be an http or https URL such as http://proxy.example:8080": "http://proxy.example:8080 같은 http나 https URL이어야 합니다",
    "must be above 0 and at most 600 seconds": "0초보다 크고 600초 이하여야 합니다",
    "must be from 0 to 3,600 seconds": "0초에서 3,600초 사이여야 합니다",
    "must be text in quotes and not empty (as a number it would lose a leading zero)": (
        "따옴표 안에 적고 비어 있지 않아야 합니다(숫자로 적으면 앞의 0이 사라집니다)"
    ),
    "must be a country's two letters such as KR": "KR 같은 두 글자 국가 코드여야 합니다",
    "must be `international` or `national`": "`international`이나 `national`이어야 합니다",
    "must be countries' two letters such as KR,JP": "KR,JP 같은 두 글자 국가 코드여야 합니다",
    "must be a time zone such as Asia/Seoul": "Asia/Seoul 같은 시간대여야 합니다",
    "must be two times of day such as 09:00-20:00": "09:00-20:00 같은 두 시각이어야 합니다",
    "must be `recipient`, or a time zone such as Asia/Seoul": "`recipient`이거나 Asia/Seoul 같은 시간대여야 합니다",
    "must be a duration such as 12h or 7d": "12h나 7d 같은 기간이어야 합니다",
    'must be a table with `day`, `month` or both, each a plain amount such as 50000 or "99.5"': (
        '`day`나 `month`(또는 둘 다)가 있는 표여야 합니다. 값은 50000이나 "99.5" 같은 금액입니다'
    ),
    "must be a whole number from 1 to 10,000 characters": "1자에서 10,000자 사이의 정수여야 합니다",
    "must be true or false": "true나 false여야 합니다",
    "must be `marketing` or `notice`": "`marketing`이나 `notice`여야 합니다",
    "must be names of rules such as CN.signature": "CN.signature 같은 규칙 이름이어야 합니다",
    "must be text in quotes and not empty": "따옴표 안에 적고 비어 있지 않아야 합니다",
    "must be `NFC` or `NFKC`": "`NFC`나 `NFKC`여야 합니다",
}
_FILES: Final[Mapping[str, str]] = {
    "There is no file {path}: check the path.": "파일이 없습니다: {path}. 경로를 확인하세요.",
    "There is no file {path}: did you mean {near}?": "파일이 없습니다: {path}. 혹시 이 파일인가요? {near}",
    "This user may not read {path}: change its mode, or run as its owner.": "읽을 권한이 없습니다: {path}. 권한을 바꾸거나 소유자로 실행하세요.",
    "{path} is a damaged gzip file: compress it anew.": "{path}: 손상된 gzip 파일입니다. 다시 압축하세요.",
    "{path} cannot be read: {strerror}.": "{path}: 읽을 수 없습니다: {strerror}.",
    "{path} cannot be read: {strerror}": "{path}: 읽을 수 없습니다: {strerror}",
    "{path} cannot be read: {error}, and run again.": "{path}: 읽을 수 없습니다: {error}. 그런 다음 다시 실행하세요.",
    "{path} cannot be read ({strerror})": "{path}: 읽을 수 없습니다({strerror})",
    "{path} changed while it was read: start again.": "{path}: 읽는 동안 바뀌었습니다. 다시 시작하세요.",
    "{path} is a directory: name a file in it.": "{path}: 폴더입니다. 그 안의 파일을 지정하세요.",
    "{path} is empty: {wanted}": "{path}: 비어 있습니다. {wanted}",
    "{where}{path} is empty: {wanted}": "{where}{path}: 비어 있습니다. {wanted}",
    "The sheet {sheet} of ": "시트 {sheet}, ",
    "it needs at least a header such as to,name.": "to,name 같은 제목 행은 있어야 합니다.",
    "{path} looks like one JSON array: write one object a line.": "{path}: JSON 배열 하나로 보입니다. 한 줄에 객체 하나씩 쓰세요.",
    "{path} has NUL characters in its first line: say --encoding utf-16-le if it is that.": (
        "{path}: 첫 줄에 NUL 문자가 있습니다. UTF-16이면 --encoding utf-16-le를 주세요."
    ),
    "{path} is no workbook, so it has no sheets: leave --sheet out.": "{path}: 엑셀 파일이 아니어서 시트가 없습니다. --sheet를 빼세요.",
    '--delimiter is none of "," ";" "|" and "tab".': '--delimiter는 "," ";" "|" "tab" 중 하나여야 합니다.',
    "The header of {path} cannot be read: {problem}.": "{path}의 제목 행을 읽을 수 없습니다: {problem}.",
    "No line of {path} is a JSON object: write one recipient a line.": "{path}: JSON 객체인 줄이 없습니다. 한 줄에 수신자 하나씩 쓰세요.",
    "{path} is over {most} bytes: a template is one message.": "{path}: {most}바이트를 넘습니다. 문구는 문자 한 통입니다.",
    "{path} is an Office file: a template is a plain text.": "{path}: 오피스 파일입니다. 문구는 일반 텍스트 파일이어야 합니다.",
    "{shown} holds far more than a list packed to its size would: if it is one, unpack it with gunzip and name the result.": (
        "{shown}: 압축을 풀면 목록이라 보기 어려울 만큼 큽니다. 목록이 맞다면 gunzip으로 풀어서 지정하세요."
    ),
    "--encoding {wanted} is no encoding of text: try utf-8, cp949 or utf-16.": "--encoding {wanted}: 없는 인코딩입니다. utf-8, cp949, utf-16 등을 주세요.",
    "{path} is not {named} throughout: byte {byte}, in line {line}, cannot be read. Save the list anew as UTF-8, or say --encoding NAME.": (
        "{path}: {named} 인코딩으로 끝까지 읽을 수 없습니다({line}번째 줄, 바이트 {byte}). UTF-8로 다시 저장하거나 --encoding NAME을 주세요."
    ),
    "{path} is neither UTF-8 (see line {line}) nor CP949 (byte {byte}, in line {other}): save it as UTF-8, or say --encoding NAME.": (
        "{path}: UTF-8도({line}번째 줄) CP949도({other}번째 줄, 바이트 {byte}) 아닙니다. UTF-8로 저장하거나 --encoding NAME을 주세요."
    ),
    "{shown} is damaged, or not what a workbook should be: save it anew as .xlsx or CSV (UTF-8).": (
        "{shown}: 손상되었거나 올바른 엑셀 파일이 아닙니다. .xlsx나 CSV(UTF-8)로 다시 저장하세요."
    ),
    "{shown} is of an old Office format, such as .xls: save it as .xlsx or CSV (UTF-8).": "{shown}: .xls 같은 옛 형식입니다. .xlsx나 CSV(UTF-8)로 저장하세요.",
    "{shown} is protected by a password: save it without one, or as CSV (UTF-8).": "{shown}: 암호가 걸려 있습니다. 암호를 풀거나 CSV(UTF-8)로 저장하세요.",
    "{shown} is a zip file, but no .xlsx workbook: save the list as .xlsx or CSV (UTF-8).": (
        "{shown}: .xlsx가 아닌 zip 파일입니다. 목록을 .xlsx나 CSV(UTF-8)로 저장하세요."
    ),
    "{shown} has no sheet {sheet}: --sheet NAME may be {sheets}.": "{shown}: 시트가 없습니다 {sheet}. --sheet에 줄 수 있는 이름: {sheets}.",
    "{shown} has no visible sheet: --sheet NAME may be {sheets}.": "{shown}: 보이는 시트가 없습니다. --sheet에 줄 수 있는 이름: {sheets}.",
    "The sheet {sheet} of {shown} spans {rows} rows and {columns} columns, too many to be read: delete what stands far from the list (Ctrl+End goes there), or save the sheet as CSV (UTF-8).": (
        "{shown}의 시트 {sheet}: {rows}행 {columns}열이라 너무 넓습니다. 목록에서 멀리 떨어진 칸을 지우거나(Ctrl+End로 이동) "
        "CSV(UTF-8)로 저장하세요."
    ),
    "{shown} is too large for a workbook: {why}. Save the sheet as CSV (UTF-8), which is read at any size.": (
        "{shown}: 엑셀 파일로는 너무 큽니다({why}). CSV(UTF-8)로 저장하면 크기에 상관없이 읽습니다."
    ),
    "it has {size} MiB, and {most} are the most": "{size} MiB, 최대 {most} MiB",
    "it unpacks to {unzipped} MiB, and {most} are the most": "풀면 {unzipped} MiB, 최대 {most} MiB",
    "a part of it unpacks to over {times} times its size": "일부가 풀면 {times}배를 넘음",
    "The list is read from the sheet {own}, not from {others}: --sheet NAME changes that.": (
        "목록을 읽은 시트: {own}. 읽지 않은 시트: {others}. --sheet NAME으로 바꿀 수 있습니다."
    ),
    "{hidden} rows of the sheet {own} are hidden, and are read like the others.": "시트 {own}에 숨긴 행 {hidden}개가 있고, 다른 행처럼 읽습니다.",
    "{path}, line {number}: not a line of a results file; repair it first": "{path}, {number}번째 줄: 결과 파일의 줄이 아닙니다. 먼저 고치세요",
    "{path}, line {number}: its seq is {seq}, so lines are missing before it": "{path}, {number}번째 줄: seq가 {seq}입니다. 그 앞에 빠진 줄이 있습니다",
    "{path}, line {row}: {problem}; repair it first": "{path}, {row}번째 줄: {problem}. 먼저 고치세요",
    "{path}, line {row}: {detail}; without it nobody knows who has a message": "{path}, {row}번째 줄: {detail}. 이것이 없으면 누가 받았는지 알 수 없습니다",
    "{path} has neither a ref nor a number that can be read, so nobody knows who has a message": (
        "{path}: 읽을 수 있는 ref도 번호도 없어 누가 받았는지 알 수 없습니다"
    ),
    "{path} cannot be read ({strerror}): --already names a results file or a log": (
        "{path}: 읽을 수 없습니다({strerror}). --already에는 결과 파일이나 발송 기록을 주세요"
    ),
    "--results {path}: {why}": "--results {path}: {why}",
    "the CA file {ca_file} holds no certificate; give a PEM file with --ca-file": "{ca_file}: 인증서가 없습니다. --ca-file로 PEM 파일을 주세요",
    "{where} is no delivery report: each is a JSON object with a msgKey. What came before it is stored; mend the file and import it again": (
        "{where}: 리포트가 아닙니다. msgKey가 있는 JSON 객체여야 합니다. 그 앞은 저장했으니 파일을 고쳐 다시 가져오세요"
    ),
    "{path} is one JSON value of over 512 MiB: write one report a line instead": "{path}: 512 MiB가 넘는 JSON 하나입니다. 한 줄에 리포트 하나씩 쓰세요",
    "{path} needs a column ref, and a column msgKey or status (accepted or unsent)": (
        "{path}: ref 열과, msgKey나 status(접수 또는 미발송) 열이 필요합니다"
    ),
    "{where} has no ref: it says of nobody what became of them": "{where}: ref가 없어 누구의 것인지 알 수 없습니다",
    "{where} does not say whether the message was taken: give its msgKey, or the status accepted or unsent (a message that the console calls failed was accepted, and not delivered)": (
        "{where}: 접수되었는지 알 수 없습니다. msgKey나 status(접수 또는 미발송)를 적으세요. 콘솔의 '실패'는 접수되었으나 도착하지 않은 것입니다"
    ),
    "{called}: {unread:,} rows hold no number (the first is row {first_unread})": "{called}: 번호가 없는 행 {unread:,}개(처음은 {first_unread}행)",
    "{called}, row {row}: {detail}; without it nobody knows who is to get nothing.": "{called}, {row}행: {detail}. 이것이 없으면 누구를 뺄지 알 수 없습니다.",
    "{called} holds no number that can be read: is it the right file?": "{called}: 읽을 수 있는 번호가 없습니다. 맞는 파일인가요?",
}
_COLUMNS: Final[Mapping[str, str]] = {
    "No column is known to hold the number among {names}: call it to, phone or 수신번호, or say --map COLUMN=to.": (
        "번호가 든 열을 찾지 못했습니다. 있는 열: {names}. 열 이름을 수신번호나 to로 바꾸거나 --map 열이름=to를 주세요."
    ),
    "The first line is not a header but looks like a row: put one above it, such as to,name.": (
        "첫 줄이 제목이 아니라 자료로 보입니다. 그 위에 to,name 같은 제목 행을 넣으세요."
    ),
    "--map COLUMN=FIELD needs a field each time, and a different one: to, from, text, ref or a name.": (
        "--map 열이름=필드의 필드는 매번 있어야 하고 서로 달라야 합니다: to, from, text, ref 또는 이름."
    ),
    "--map names a column {column} that the list does not have: {names}.": "--map에 적은 열이 목록에 없습니다: {column}. 있는 열: {names}.",
    "--map names {column}, and two columns are called so: rename one of them.": "--map에 적은 이름의 열이 둘입니다: {column}. 하나의 이름을 바꾸세요.",
    "Two columns are called {names}: rename one of them, or say --map COLUMN=FIELD.": (
        "같은 이름의 열이 둘입니다: {names}. 하나의 이름을 바꾸거나 --map 열이름=필드를 주세요."
    ),
    "Two columns are called {name}: a template reads the first.": "같은 이름의 열이 둘입니다: {name}. 문구에는 첫 번째 열을 씁니다.",
    "{role!r} is read from {column}, not from {also}: --map COLUMN={role} changes that.": (
        "{role!r} 값을 읽는 열: {column}. 쓰지 않는 열: {also}. `--map 열이름={role}` 옵션으로 바꿀 수 있습니다."
    ),
    # rows that cannot be read as rows
    "its quotes are broken: a quoted cell never ends, or something follows its closing quote": "따옴표의 짝이 맞지 않습니다",
    "it has more cells than the header: is a cell with a comma in it unquoted?": "제목 행보다 칸이 많습니다. 쉼표가 든 칸에 따옴표가 빠졌나요?",
    "one of its cells, or the row as a whole, is longer than any text can be": "칸이나 행이 지나치게 깁니다",
    "it holds a NUL character": "NUL 문자가 들어 있습니다",
    "it is not a JSON object": "JSON 객체가 아닙니다",
    "one of its values is not a string, a number, true, false or null": "글자나 숫자가 아닌 값이 있습니다",
    "one of its cells shows an error such as #N/A, or has a formula whose result was not saved": (
        "#N/A 같은 오류나 계산되지 않은 수식이 든 칸이 있습니다"
    ),
    "one of its cells is a number of more digits than a spreadsheet keeps: format it as text": (
        "엑셀이 정확히 담을 수 없는 긴 숫자가 있습니다. 셀 서식을 텍스트로 바꾸세요"
    ),
    "its ref is longer than 190 characters, ends in ~ and digits, or holds control characters": (
        "ref가 190자를 넘거나, ~숫자로 끝나거나, 제어 문자가 들어 있습니다"
    ),
    "from is neither 3 to 15 digits nor a name of up to 11 letters and digits": (
        "발신번호는 숫자 3~15자리이거나 글자와 숫자 11자 이하의 이름이어야 합니다"
    ),
    # messages
    "the text needs {segments} segments in {encoding}, and {most} are the most": "{segments} 세그먼트가 됩니다({encoding}, 최대 {most})",
    "the text is over {text_max} characters": "문자 내용이 {text_max}자를 넘습니다",
    "the text holds U+{number:04X}, which no phone can show": "휴대폰이 표시할 수 없는 글자가 있습니다(U+{number:04X})",
    "{country} is not among --countries": "--countries에 없는 국가입니다({country})",
}
_TEXTS: Final[Mapping[str, str]] = {
    "At character {position} the template {message}.": "문구의 {position}번째 글자: {message}.",
    "opens a field that is never closed: write {{ for a brace": "여는 {가 닫히지 않았습니다. 중괄호 자체를 쓰려면 {{로 적으세요",
    "has a stray }: write }} for a brace": "짝이 없는 }가 있습니다. 중괄호 자체를 쓰려면 }}로 적으세요",
    "has a field without a name: write {{ and }} for braces": "이름이 빈 필드입니다. 중괄호 자체를 쓰려면 {{와 }}로 적으세요",
    "has a field whose name is not of letters, digits and _": "필드 이름에는 글자, 숫자, _만 쓸 수 있습니다",
    "`column` is the name of a column: letters, digits and _.": "`column`은 열 이름입니다. 글자, 숫자, _만 쓸 수 있습니다.",
    'It has no text: write [texts] and below it, for example, ko = "…" and default = "…".': (
        '문구가 없습니다. [texts] 아래에 ko = "…", default = "…"처럼 적으세요.'
    ),
    "The text for {keys}: {error}": "문구 {keys}: {error}",
    "The text for {keys} is empty.": "문구 {keys}: 비어 있습니다.",
    "The key {keys} has an empty name in it.": "키 {keys}: 빈 이름이 들어 있습니다.",
    "There are two texts for {key}.": "문구 {key}: 두 번 나옵니다.",
    '{key} is no country code (ISO 3166, such as KR); to choose by a column, write column = "…".': (
        '{key}: 국가 코드가 아닙니다(ISO 3166, 예: KR). 열로 고르려면 column = "…"을 적으세요.'
    ),
    "It has {name}, which means nothing here: it knows column and [texts].": "알 수 없는 항목입니다: {name}. column과 [texts]만 쓸 수 있습니다.",
    "`column` must be text in quotes: the name of a column.": "`column`은 따옴표 안에 적은 열 이름이어야 합니다.",
    "`texts` must be a table: [texts], and below it a line for each text.": "`texts`는 표여야 합니다. [texts] 아래에 문구를 한 줄씩 적으세요.",
    "The text for {key} must be text in quotes.": "문구 {key}: 따옴표 안에 적어야 합니다.",
    "--signature is the registered name, such as 【INFO中国】 or INFO中国: one line, 1 to {most} characters.": (
        "--signature는 등록된 이름입니다(예: 【INFO中国】, INFO中国). 한 줄, 1~{most}자로 적으세요."
    ),
    "--allow names no rule {shown!r}: there are {known}, alone or as CN.signature.": (
        "--allow에 없는 규칙입니다: {shown!r}. 쓸 수 있는 이름: {known}. CN.signature처럼 국가를 붙여도 됩니다."
    ),
    "--region is not a country code: use two capital letters such as KR (ISO 3166).": "--region: KR 같은 두 글자 국가 코드를 주세요(ISO 3166).",
    "--numbers is neither international nor national.": "--numbers: international이나 national이어야 합니다.",
    "--numbers national needs --region CC: national numbers of which country?": "--numbers national에는 어느 나라 번호인지 --region KR처럼 주어야 합니다.",
    "--countries has what is no country code: {strangers} (ISO 3166, such as KR,JP).": (
        "--countries에 국가 코드가 아닌 것이 있습니다: {strangers} (ISO 3166, 예: KR,JP)."
    ),
    "--purpose is neither marketing nor notice.": "--purpose: marketing이나 notice여야 합니다.",
    "--normalize is neither NFC nor NFKC.": "--normalize: NFC나 NFKC여야 합니다.",
}
_TABLES: Final[Mapping[str, str]] = {
    "{flag} {path} cannot be read: {strerror}.": "{flag} {path}: 읽을 수 없습니다: {strerror}.",
    "{flag} names no file.": "{flag}: 파일 이름이 아닙니다.",
    "{flag} {path} is over {most} bytes.": "{flag} {path}: {most}바이트를 넘습니다.",
    "{flag} {path} is not UTF-8: save it as UTF-8.": "{flag} {path}: UTF-8이 아닙니다. UTF-8로 저장하세요.",
    "{flag} {path} is not valid TOML: {error}.": "{flag} {path}: 올바른 TOML이 아닙니다: {error}.",
    "{name} means nothing here: write [[rule]]": "알 수 없는 항목입니다: {name}. [[rule]]로 적으세요",
    "rules are written as [[rule]], one for each": "규칙은 하나씩 [[rule]]로 적습니다",
    "rule {number} {problem}": "{number}번째 규칙: {problem}",
    "has {name!r}, which means nothing here": "알 수 없는 항목 {name!r}",
    "has no {name!r}": "{name!r} 항목이 없음",
    "needs a name of small letters, digits and _ as its 'rule'": "'rule'은 소문자, 숫자, _로 된 이름이어야 함",
    'needs \'countries\' that are ISO 3166 codes, such as ["CN"], or ["*"]': '\'countries\'는 ["CN"] 같은 ISO 3166 코드이거나 ["*"]이어야 함',
    "has {name!r} that is none of {allowed}": "{name!r} 값은 다음 중 하나여야 함: {allowed}",
    "has {name!r} that is no text": "{name!r} 값은 글자여야 함",
    "has no 'say': the clause that an operator reads": "운영자가 읽을 'say'가 없음",
    "has a 'date' that is no date such as 2026-11-22": "'date'는 2026-11-22 같은 날짜여야 함",
    "has 'when_link' that is not true or false": "'when_link'는 true나 false여야 함",
    "has 'when_parts_over' that is no whole number from 1": "'when_parts_over'는 1 이상의 정수여야 함",
    "has 'unless_begins' that is no regular expression: {msg}": "'unless_begins'는 정규식이어야 함: {msg}",
    "the price list {path} is over {most} MiB: it is something else.": "단가표 {path}: {most} MiB를 넘습니다. 다른 파일인 듯합니다.",
    "`budget` needs a price list to count with: add `prices`, a file, to the settings file": (
        "`budget`에는 단가표가 필요합니다. 설정 파일에 `prices`(파일)를 적으세요"
    ),
    "the price list {path} is not valid TOML: {error}.": "단가표 {path}: 올바른 TOML이 아닙니다: {error}.",
    'the price list {path} has no table [prices] with lines such as KR = "9".': '단가표 {path}: KR = "9" 같은 줄이 있는 [prices] 표가 없습니다.',
    "the price list {path} needs a column `country` (or `prefix`) and a column `price`, such as country,price,currency.": (
        "단가표 {path}: `country`(또는 `prefix`) 열과 `price` 열이 필요합니다. 예: country,price,currency."
    ),
    "the price list {called}: {problem}.": "단가표 {called}: {problem}.",
    "{where}: neither a country such as KR nor a number prefix such as +8210": "{where}: KR 같은 국가도 +8210 같은 번호 앞자리도 아님",
    "{where}: the price must be a plain number such as 9 or 0.035, at most {most:,}": "{where}: 단가는 9나 0.035 같은 숫자여야 함(최대 {most:,})",
    "{where}: the currency must be three letters such as KRW": "{where}: 통화는 KRW 같은 세 글자여야 함",
    "{where}: its currency is {named}, the rows above are in {currency}: one file, one currency": (
        "{where}: 통화가 {named}, 위쪽은 {currency}. 한 파일에 통화는 하나여야 함"
    ),
    "{where}: {place} has another price above": "{where}: {place} 단가가 위쪽에 다르게 있음",
    "it has no price": "단가가 없음",
    "no row says the currency: add a currency column such as KRW": "통화가 없음. KRW 같은 통화 열을 넣으세요",
}
_SANDBOX: Final[Mapping[str, str]] = {
    "There is no fault {kind!r}; give {words}, a code such as A306, or one of {kinds}.": (
        "없는 장애입니다: {kind!r}. {words}, A306 같은 코드, 또는 다음 중 하나를 주세요: {kinds}."
    ),
    "There is no fault {kind!r}; the kinds are {kinds}.": "없는 장애입니다: {kind!r}. 쓸 수 있는 것: {kinds}.",
    "The probability of the fault {kind} must lie between 0 and 1, not {probability:g}.": (
        "장애 {kind}: 확률은 0에서 1 사이여야 합니다. 받은 값: {probability:g}."
    ),
    "A fault is written KIND=PROBABILITY, such as drop_after=0.01, not {written!r}; the kinds are {kinds}.": (
        "장애는 drop_after=0.01처럼 이름=확률로 적습니다. 받은 값: {written!r}. 쓸 수 있는 것: {kinds}."
    ),
    "The probabilities of all faults sum to {sum:g}; at most 1 is possible.": "장애 확률의 합이 {sum:g}입니다. 1을 넘을 수 없습니다.",
    "There is no place {on!r}; the places are {places}.": "없는 위치입니다: {on!r}. 쓸 수 있는 것: {places}.",
    "The fault {kind} is for posts alone; it cannot strike {on}.": "장애 {kind}: 발송 요청에만 쓸 수 있습니다({on} 불가).",
    "There is no limiter {limiter!r}; the limiters are {kinds}.": "없는 제한 방식입니다: {limiter!r}. 쓸 수 있는 것: {kinds}.",
    "The sandbox's {name} must be a probability from 0 to 1, not {value:g}.": "샌드박스의 {name}: 0에서 1 사이의 확률이어야 합니다. 받은 값: {value:g}.",
    "The sandbox's {name} must be {bound}, not {value:g}.": "샌드박스의 {name}: 범위는 {bound}입니다. 받은 값: {value:g}.",
    "at least {least:g}": "{least:g} 이상",
    "more than {above:g}": "{above:g} 초과",
    "The webhook must be an http URL on this machine, such as http://127.0.0.1:8080/, not {url}.": (
        "웹훅은 http://127.0.0.1:8080/ 같은 이 컴퓨터의 http URL이어야 합니다. 받은 값: {url}."
    ),
}
INPUTS: Final[Mapping[str, str]] = {**_FLAGS, **_SETTINGS, **_FILES, **_COLUMNS, **_TEXTS, **_TABLES, **_SANDBOX}
