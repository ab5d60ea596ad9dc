"""requests in threads: what one writes without asyncio. A session each, no rate, no retries."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, local
from typing import Any

import requests

from benchmarks.contenders import FROM, SEND_PATH, WORKERS, flags


def main() -> None:
    given = flags()
    text = Path(given.text).read_text(encoding="utf-8")
    mine, writing = local(), Lock()
    headers = {"Authorization": "Bearer " + "t" * 40}

    with (
        Path(given.list).open(encoding="utf-8", newline="") as file,
        Path(given.out).open("w", encoding="utf-8") as out,
    ):

        def post(row: dict[str, Any]) -> None:
            if not hasattr(mine, "session"):
                mine.session = requests.Session()
                mine.session.trust_env = False  # it looks for proxies and .netrc at every request
            message = {"from": FROM, "to": row["to"], "text": text.format(**row), "ref": row["ref"]}
            answer = mine.session.post(given.url + SEND_PATH, json=message, headers=headers, timeout=30).json()
            line = {"ref": row["ref"], "to": row["to"], "status": answer["code"], "msgKey": answer.get("msgKey")}
            with writing:
                out.write(json.dumps(line) + "\n")

        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in pool.map(post, csv.DictReader(file)):
                pass


if __name__ == "__main__":
    main()
