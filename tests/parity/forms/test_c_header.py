"""`export --format c-header`: headers that compile and say what the folders say; a checker that finds what is wrong."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parity import commands, vectors
from parity.compare import compare
from parity.vectors import Vector, npy, reading
from parity.vectors.forms import c_header, rounding
from reference.arrays import Array

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="NOT CHECKED: cc not on this machine")

HERE = Path(__file__).parent
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
IDS = [
    "hand-1x1x1",
    "square-l1",
    "rich",
    "ctc-ragged-T17",
    "ctc-no-label",
    "not-finite-inf",
    "range-sigmoid",
    "gru-mix-10-relu-squared_error",
    "gru-before-dropped-nan",
    "lstm-proj-rich",
    "rnn-tanh-l1-bi-nobias-bf-ragged",
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each dtype."""
    folder = tmp_path_factory.mktemp("c")
    cases = [word for case_id in IDS for word in ("--case", case_id)]
    for dtype in vectors.DTYPES:
        options = ["--format", "c-header", "--dtype", dtype]
        assert commands.main(["export", str(folder / dtype), *options, *cases]) == 0
    return folder


@pytest.fixture(scope="module")
def stored() -> dict[str, Vector]:
    return {vector.case.id: vector for vector in reading.read_set(vectors.FROZEN, only=IDS)}


def compiled(headers: Path, case_id: str, source: Path, program: Path, *flags: str) -> Path:
    vector = f'-DVECTOR="{case_id}.h"'
    subprocess.run(["cc", *STRICT, *flags, f"-I{headers}", vector, source, "-o", program, "-lm"], check=True)
    return program


@pytest.fixture(scope="module")
def repeat(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Runs repeat.c on a vector, compiled once: what it prints."""
    folder, programs = tmp_path_factory.mktemp("programs"), {}

    def run(dtype: str, case_id: str, *words: object) -> bytes:
        if (dtype, case_id) not in programs:
            program = folder / f"{dtype}-{case_id}"
            programs[dtype, case_id] = compiled(exported / dtype, case_id, HERE / "repeat.c", program)
        return subprocess.run([programs[dtype, case_id], *map(str, words)], capture_output=True, check=True).stdout

    return run


@pytest.mark.parametrize("dtype", vectors.DTYPES)
def test_a_right_network_passes_and_a_wrong_one_fails_where_it_first_goes_wrong(
    dtype: str, exported: Path, tmp_path: Path
) -> None:
    source = HERE / "network.c"
    right = compiled(exported / dtype, "square-l1", source, tmp_path / "right")
    done = subprocess.run([right], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "2 tensors compared, none is wrong\n")
    wrong = compiled(exported / dtype, "square-l1", source, tmp_path / "wrong", "-DWRONG")
    done = subprocess.run([wrong], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("output step 0 element 11: got -0.3085")  # sequence 2, unit 1


@pytest.mark.parametrize("dtype", vectors.DTYPES)
@pytest.mark.parametrize("case_id", IDS)
def test_a_header_says_what_the_vector_says(
    case_id: str, dtype: str, stored: dict[str, Vector], repeat: Callable[..., bytes]
) -> None:
    vector, said = stored[case_id], np.frombuffer(repeat(dtype, case_id, "-"), dtype)
    for name, expect in vector.expect.items():
        limits = rounding.limits(vector, name, dtype)
        values, here, said = np.split(said, [expect.size, expect.size + limits.size])
        np.testing.assert_array_equal(values, rounding.rounded(vector, name, dtype).ravel(), err_msg=name)
        np.testing.assert_allclose(here, limits.ravel(), rtol=2 * float(np.finfo(dtype).eps), err_msg=name)
        assert (here >= limits.ravel()).all(), name  # rounded up: nobody fails who passes elsewhere
    assert said.size == 0
    assert repeat(dtype, case_id).decode() == f"{len(vector.expect)} - 0 0\n"


@pytest.mark.parametrize("case_id", IDS)
def test_the_inputs_and_the_keys(case_id: str, exported: Path, stored: dict[str, Vector], tmp_path: Path) -> None:
    folder = vectors.FROZEN / case_id
    inputs = {file.stem: npy.read(file) for file in sorted((folder / "in").iterdir())}
    written = "".join(
        f"    fwrite({array}, sizeof {array}, 1, stdout);\n"
        for array in (f"bptt_in_{name.replace('.', '_')}" for name in inputs)
    )
    keys = stored[case_id].keys
    asserted = "".join(
        f'_Static_assert(BPTT_{name.upper()} == {int(value)}, "");\n'
        for name, value in keys.items()
        if isinstance(value, int)
    )
    texts = f"#ifndef BPTT_CELL_{keys['cell']}\n#error\n#endif\n#ifndef BPTT_LAYOUT_{keys['layout']}\n#error\n#endif\n"
    comment = "    puts(BPTT_COMMENT);\n"
    program = f"#include <stdio.h>\n#include VECTOR\n{texts}{asserted}int main(void)\n{{\n{comment}{written}}}\n"
    source = tmp_path / "inputs.c"
    source.write_text(program, encoding="ascii")
    strict = [flag for flag in STRICT if flag != "-std=c99"]
    binary = tmp_path / "inputs"
    vector = f'-DVECTOR="{case_id}.h"'
    headers = f"-I{exported / 'float32'}"
    subprocess.run(["cc", "-std=c11", *strict, headers, vector, source, "-o", binary], check=True)
    out = subprocess.run([binary], capture_output=True, check=True).stdout
    line, _, out = out.partition(b"\n")
    assert line.decode() == keys["comment"]
    for name, array in inputs.items():
        kinds = {"f": np.float32, "b": np.uint8, "i": np.intc}
        wanted: Array = (array if array.size else np.zeros(1, int)).astype(kinds[array.dtype.kind])
        here, out = out[: wanted.nbytes], out[wanted.nbytes :]
        np.testing.assert_array_equal(np.frombuffer(here, wanted.dtype), wanted.ravel(), err_msg=name)
    assert not out


@pytest.mark.parametrize("dtype", vectors.DTYPES)
@pytest.mark.parametrize("case_id", IDS)
def test_every_tensor_that_is_off_is_found_where_the_runner_finds_it(
    case_id: str, dtype: str, stored: dict[str, Vector], repeat: Callable[..., bytes]
) -> None:
    """Two elements of it are: the runner's own comparison names the same tensor and element."""
    vector, rng = stored[case_id], np.random.default_rng(0)
    wanted = {name: rounding.rounded(vector, name, dtype) for name in vector.expect}
    for name, tensor in wanted.items():
        changed, words = tensor.copy(), []
        for element in rng.integers(0, tensor.size, 2):
            far = 3 * rounding.limits(vector, name, dtype).max() + np.abs(tensor.flat[element]) / 1000 + 1e-30
            changed.flat[element] += rng.choice([far, -far, np.nan])
            words += [name, str(element), repr(float(changed.flat[element]))]
        first = compare(
            vector.case, "vector", dtype, wanted | {name: changed}, wanted, allowed=vector.allowed[dtype]
        ).first
        _, found, _, at = repeat(dtype, case_id, *words).decode().split()
        if first is None:  # what is wanted is not finite, and came
            assert found == "-"
        else:
            assert first.mismatch is not None
            assert found == name
            assert int(at) == np.ravel_multi_index(first.mismatch.index, tensor.shape)


def test_a_column_takes_turns_and_backward_begins_at_the_last_step(repeat: Callable[..., bytes]) -> None:
    """Of T = 7, B = 3, H = 5: step t begins at element 15t."""
    for words, first in (
        (["a_l0", 15, 9, "h_l0", 14, 9], "h_l0 0 14"),
        (["a_l0", 15, 9, "h_l0", 16, 9], "a_l0 1 15"),
        (["d_h_l0", 0, 9, "d_a_l0", 90, 9], "d_a_l0 6 90"),
        (["d_x", 0, 9, "d_x", 31, 9], "d_x 2 31"),
        (["output", 104, 9, "h_l0", 104, 9, "d_h0", 0, 9], "h_l0 6 104"),
    ):
        assert repeat("float32", "square-l1", *words).decode().partition(" ")[2] == f"{first}\n"


def test_what_must_be_zero_is_zero_and_not_a_number_is_nothing_else(
    stored: dict[str, Vector], repeat: Callable[..., bytes]
) -> None:
    padded = int(np.flatnonzero(stored["rich"].expect["output"] == 0)[0])
    assert repeat("float32", "rich", "output", padded, 1e-38).split()[1] == b"output"
    assert repeat("float32", "rich", "output", padded, -0.0).split()[1] == b"-"
    lost = int(np.flatnonzero(np.isnan(stored["gru-before-dropped-nan"].expect["h_l0"]))[0])
    assert repeat("float32", "gru-before-dropped-nan", "h_l0", lost, 0).split()[1] == b"h_l0"
    infinite = int(np.flatnonzero(np.isinf(stored["not-finite-inf"].expect["a_l0"]))[0])
    for value in ("-inf", "nan", 3e38):
        wanted = stored["not-finite-inf"].expect["a_l0"].flat[infinite]
        if float(value) != wanted:
            assert repeat("float32", "not-finite-inf", "a_l0", infinite, value).split()[1] == b"a_l0"


def test_a_case_of_ones_own(tmp_path: Path) -> None:
    own = ["--hidden-size", "2", "--num-layers", "2", "--dropout", "0.25", "--output-size", "3", "--steps", "2"]
    assert commands.main(["export", str(tmp_path), "--format", "c-header", *own]) == 0
    (header,) = {file.stem for file in tmp_path.iterdir()} - {"bptt_check"}
    program = compiled(tmp_path, header, HERE / "repeat.c", tmp_path / "program")
    said = subprocess.run([program], capture_output=True, check=True).stdout.split()
    assert int(said[0]) > 10
    assert said[1] == b"-"


@pytest.mark.skipif(shutil.which("c++") is None, reason="NOT CHECKED: c++ not on this machine")
def test_it_is_cpp_too(exported: Path) -> None:
    strict = ["-std=c++11", *STRICT[1:], "-fsyntax-only", "-x", "c++"]
    for case_id in IDS:
        source = f'#include "{case_id}.h"\nbptt_result run() {{ return bptt_check(&bptt_vector, nullptr); }}\n'
        subprocess.run(["c++", *strict, f"-I{exported / 'float64'}", "-"], input=source, text=True, check=True)


def test_who_answers_nothing_has_compared_nothing(repeat: Callable[..., bytes]) -> None:
    assert repeat("float32", "rich", "none").split()[0] == b"0"


def test_the_checker_is_short() -> None:
    lines = (Path(c_header.__file__).with_name(c_header.CHECKER)).read_text(encoding="ascii").splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 120
