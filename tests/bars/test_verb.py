"""The verb `suppress`, as its users run it."""

import json

from tests.cli.kit import environment, results, run, write_list


def test_numbers_come_from_stdin_or_a_file_and_hold_for_the_next_run() -> None:
    env = environment(OMNI_LEDGER="ledger.db")
    added = run(
        "suppress", "add", "--region", "KR", "--note", "=stop", env=env, stdin=b"010-2000-0000\n+82 10-2000-0001\n"
    )
    assert (added.code, added.out) == (0, b"2 of 2 numbers are new on the list.\n")
    shown = run("suppress", "list", env=env).out.decode().splitlines()
    assert shown[0] == "number,added,note"
    assert [line.split(",")[0] for line in shown[1:]] == ["+821020000000", "+821020000001"]
    assert shown[1].endswith(",'=stop")
    masked = [json.loads(line) for line in run("suppress", "list", "--json", "--mask", env=env).out.splitlines()]
    assert [one["number"] for one in masked] == ["+82********00", "+82********01"]
    sent = run(write_list(3), "--text", "x", "--from", "0212345678", "--sandbox", "--ledger", "ledger.db", env=env)
    assert sent.code == 0
    assert [line["reason"] for line in results("list.sandbox.jsonl")].count("suppressed") == 2
    again = run("suppress", "remove", "--file", "list.csv", env=env)
    assert again.out == b"2 of 3 numbers were taken off the list.\n"


def test_a_row_that_cannot_be_read_and_a_ledger_that_is_not_there_are_told() -> None:
    env = environment(OMNI_LEDGER="ledger.db")
    refused = run("suppress", "add", env=env, stdin=b"1020000000\n")
    assert refused.code == 2
    assert "stdin, row 1: digits alone" in refused.err
    missing = run("suppress", "list", env=environment(OMNI_LEDGER="none.db"))
    assert (missing.code, "there is no ledger at" in missing.err) == (2, True)
