"""What is known about each embedded data set outside its file: its hash and its source."""

from typing import NamedTuple


class Embedded(NamedTuple):
    sha256: str  # of the npz file; printed by `python -m snnjax.data._make`
    num_classes: int
    source: str


EMBEDDED = {
    "digits": Embedded(
        sha256="e84dbc770ea3b28b05521ee1658e2093a8d55656c77392c4d22e250f67e62c7f",
        num_classes=10,
        source=(
            "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (1998), "
            "UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, licence CC BY 4.0 "
            "(https://creativecommons.org/licenses/by/4.0/). Changes: the repository's 1797 test "
            "images only, as distributed by scikit-learn (sklearn.datasets.load_digits), divided "
            "anew into 1437 train and 360 test images; pixel counts 0..16 divided by 16."
        ),
    ),
    "vowels": Embedded(
        sha256="02dcd2d5ea58457f3e8f2f9fc18c76f24a7531f6597abebb118049275f44a205",
        num_classes=9,
        source=(
            "M. Kudo, J. Toyama and M. Shimbo, Japanese Vowels (1999), UCI Machine Learning "
            "Repository, https://doi.org/10.24432/C5NS47, licence CC BY 4.0 "
            "(https://creativecommons.org/licenses/by/4.0/). Changes: taken from the copy "
            "distributed by aeon (aeon.datasets.load_japanese_vowels), official split of 270 train "
            "and 370 test utterances in their order; rounded to float32, zero padded to 29 steps, "
            "speakers 1..9 labelled 0..8."
        ),
    ),
}
