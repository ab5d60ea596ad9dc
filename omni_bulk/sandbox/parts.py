"""How many parts a text is billed as, counted here once more so that the tests of the counting have a second opinion.

GSM-7 has 160 characters in one part and 153 in each of several; any other script (UCS-2) has 70 and 67 (guide). The ten
extension characters cost two, and neither such a pair nor a surrogate pair is split between parts (3GPP TS 23.038).
"""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")


def parts(text: str) -> int:
    """The number of parts of `text`: 1 for an empty or short one, and no upper end."""
    characters = set(text)
    if characters <= _BASIC | _EXTENSION:
        widths, alone, each = [2 if character in _EXTENSION else 1 for character in text], 160, 153
    else:
        widths, alone, each = [2 if character > "\uffff" else 1 for character in text], 70, 67
    if sum(widths) <= alone:
        return 1
    count, used = 1, 0
    for width in widths:
        if used + width > each:
            count, used = count + 1, 0
        used += width
    return count
