import pytest

from omni_bulk.sandbox.parts import parts

CASES = [
    ("", 1),
    ("a" * 160, 1),
    ("a" * 161, 2),
    ("a" * 306, 2),
    ("a" * 307, 3),
    ("a" * 765, 5),
    ("a" * 766, 6),
    ("é" * 160, 1),
    ("€" * 80, 1),
    ("€" * 81, 2),
    ("a" * 158 + "€", 1),
    ("a" * 159 + "€", 2),
    ("a" * 152 + "€" + "a" * 152, 3),  # 306 septets, but the pair may not be split
    ("`", 1),
    ("`" * 70, 1),
    ("`" * 71, 2),
    ("가" * 70, 1),
    ("가" * 71, 2),
    ("가" * 134, 2),
    ("가" * 135, 3),
    ("가" * 335, 5),
    ("😀" * 35, 1),
    ("😀" * 36, 2),
    ("😀" * 66, 2),
    ("😀" * 67, 3),  # 134 units, but 67 is odd and a pair may not be split
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_parts(text: str, expected: int) -> None:
    assert parts(text) == expected
