"""Segments as two or three independent programs count them, on 600 texts of 20 scripts.

Skipped where those are not installed: ``pip install smsutil``; ``npm install sms-segments-calculator split-sms`` and the
folder's ``node_modules`` in ``NODE_PATH``. They are no dependencies of ours.
"""

import json
import os
import shutil
import subprocess
import unicodedata
import warnings
from functools import cache

import pytest

from omni_bulk.text import segment

SCRIPTS = {
    "Latin": "Your order has shipped, see you soon! ",
    "Latin with marks": "Zoé, señor Müller, à bientôt, çedilha ",
    "Polish": "Zażółć gęślą jaźń, łódź ",
    "Turkish": "Pijamalı hasta yağız şoföre çabucak güvendi ",
    "Vietnamese": "Đơn hàng của bạn đã được giao tới Hà Nội ",
    "Greek": "Η παραγγελία σας εστάλη σήμερα ",
    "Greek capitals of GSM-7": "ΔΦΓΛΩΠΨΣΘΞ ",
    "Cyrillic": "Ваш заказ отправлен сегодня ",
    "Hangul": "주문하신 상품이 발송되었습니다 ",
    "Han": "您的訂單已發貨請查收 ",
    "Kana": "ご注文の商品を発送しました ",
    "Thai": "คำสั่งซื้อของคุณถูกจัดส่งแล้ว ",
    "Devanagari": "आपका ऑर्डर भेज दिया गया है ",
    "Arabic": "تم شحن طلبك اليوم ",
    "Hebrew": "ההזמנה שלך נשלחה היום ",
    "Georgian": "თქვენი შეკვეთა გაიგზავნა ",
    "Armenian": "Ձեր պատվերն ուղարկված է ",
    "Bengali": "আপনার অর্ডার পাঠানো হয়েছে ",
    "Tamil": "உங்கள் ஆர்டர் அனுப்பப்பட்டது ",
    "Khmer": "ការបញ្ជាទិញរបស់អ្នកត្រូវបានផ្ញើ ",
    "signs of two septets": "{[^~]}|\\€ ",
    "emoji": "ok 😀🎁 ",
}
LENGTHS = (
    *(1, 33, 34, 35, 36, 66, 67, 68, 69, 70, 71, 76, 77, 80, 81, 133, 134, 135, 152, 153, 154, 159, 160, 161),
    *(200, 201, 202, 305, 306, 307, 335, 336, 458, 459, 460, 765, 766),
)  # fmt: skip
TEXTS = [(phrase * (length // len(phrase) + 1))[:length] for phrase in SCRIPTS.values() for length in LENGTHS]
_NODE = """
const {SegmentedMessage} = require('sms-segments-calculator'), {split} = require('split-sms');
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(texts.map(text => {
  const one = new SegmentedMessage(text), other = split(text);
  return [one.encodingName, one.segmentsCount, other.characterSet, other.parts.length];
})));
"""


@cache
def counted_by_node() -> list[tuple[str, int, str, int]]:
    """What two programs in JavaScript say of every text."""
    node = shutil.which("node")
    if node is None or "NODE_PATH" not in os.environ:
        pytest.skip("node, or the packages in NODE_PATH, are not there")
    done = subprocess.run([node, "-e", _NODE], input=json.dumps(TEXTS).encode(), capture_output=True, check=False)
    if done.returncode:
        pytest.skip("sms-segments-calculator and split-sms are not in NODE_PATH")
    return [(one, count, other, parts) for one, count, other, parts in json.loads(done.stdout)]


def test_there_are_enough_texts_of_every_kind() -> None:
    assert len(TEXTS) >= 500
    assert len(SCRIPTS) >= 20
    assert {segment(text).segments for text in TEXTS} >= {1, 2, 3, 4, 5, 6}


def test_as_smsutil_splits_them() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is of the days of Python 2
        smsutil = pytest.importorskip("smsutil")
    names = {"gsm0338": "GSM-7", "utf_16_be": "UCS-2"}
    for text in TEXTS:
        theirs = smsutil.split(text)
        assert (names[theirs.encoding], len(theirs.parts)) == (segment(text).encoding, segment(text).segments), text


def test_as_split_sms_splits_them() -> None:
    names = {"GSM": "GSM-7", "Unicode": "UCS-2"}
    for text, (_, _, encoding, parts) in zip(TEXTS, counted_by_node(), strict=True):
        assert (names[encoding], parts) == (segment(text).encoding, segment(text).segments), text


def test_as_sms_segments_calculator_counts_them() -> None:
    """But for texts with combining marks: it never parts a letter from its marks, which no standard asks for."""
    compared = 0
    for text, (encoding, count, _, _) in zip(TEXTS, counted_by_node(), strict=True):
        ours = segment(text)
        if any(unicodedata.category(char).startswith("M") for char in text):
            assert encoding == ours.encoding and count >= ours.segments
        else:
            assert (encoding, count) == (ours.encoding, ours.segments), text
            compared += 1
    assert compared >= 500
