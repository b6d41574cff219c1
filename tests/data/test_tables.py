"""`read_csv` and `read_npz`: real files, and files with planted faults."""

import csv
import gzip
import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.data import read_csv, read_npz
from tinygrad_nn.errors import DataError, OptionError

NUMBER = st.floats(-1e6, 1e6) | st.none()
WORD = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=6)


def written(scratch, text, name="table.csv", encoding="utf-8"):
    path = scratch / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


# --------------------------------------------------------------------------------------- CSV
@given(
    rows=st.lists(
        st.tuples(NUMBER, NUMBER, st.sampled_from(["a b", "c,;d", 'e"f', "x"])), min_size=1
    ),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    is_packed=st.booleans(),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    has_names=st.booleans(),
)
def test_what_csv_writes_is_read(
    scratch, rows, delimiter, quoting, end, is_packed, mark, has_names
):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([("one", "two", "kind")] * has_names)
    writer.writerows(["" if field is None else field for field in row] for row in rows)
    content = mark + text.getvalue().encode()
    path = written(scratch, gzip.compress(content) if is_packed else content)
    table = read_csv(
        path,
        target="kind" if has_names else -1,
        header=has_names,
        dtype=np.float64,
        delimiter=delimiter,
    )
    expected = np.array([[np.nan if v is None else v for v in row[:2]] for row in rows])
    assert np.array_equal(table.inputs, expected, equal_nan=True)
    assert [table.classes[label] for label in table.targets] == [row[2] for row in rows]
    assert list(table.classes) == sorted(set(table.classes))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_header_and_delimiter_are_found_out(tmp_path, delimiter):
    lines = ["length,kind,width", "1,a,2", "3,b,4"]
    path = written(tmp_path, "\n".join(lines).replace(",", delimiter))
    table = read_csv(path, target="kind")
    assert table.inputs.tolist() == [[1, 2], [3, 4]] and table.classes == ("a", "b")
    bare = written(tmp_path, "\n".join(lines[1:]).replace(",", delimiter))
    assert read_csv(bare, target=1).targets.tolist() == [0, 1]


def test_quoted_fields_may_hold_delimiters_quotes_and_line_breaks(tmp_path):
    path = written(tmp_path, 'x,kind\n1,"a, ""b""\nc"\n\n2,d\n')
    table = read_csv(path, target="kind")
    assert table.classes == ('a, "b"\nc', "d") and table.inputs.tolist() == [[1], [2]]


def test_targets_are_measured_or_classes(tmp_path):
    path = written(tmp_path, "x,y\n1,10\n2,2\n3,10\n")
    measured = read_csv(path, target="y")
    assert measured.targets.dtype == np.float32 and measured.targets.tolist() == [10, 2, 10]
    named = read_csv(path, target="y", classes=True)
    assert named.classes == ("2", "10") and named.targets.tolist() == [1, 0, 1]
    given_order = read_csv(path, target="y", classes=["10", "2", "3"])
    assert given_order.targets.tolist() == [0, 1, 0] and len(given_order.classes) == 3


def test_columns_decimal_commas_and_missing_values(tmp_path):
    path = written(tmp_path, "a;b;c;y\n1,5;word;?;x\n-2;word;NA;y\n")
    table = read_csv(path, target="y", columns=["c", "a"], decimal=",")
    assert np.array_equal(table.inputs, [[np.nan, 1.5], [np.nan, -2]], equal_nan=True)


def test_a_big_file_takes_bounded_memory(tmp_path):
    row = ",".join(["0.123456789012"] * 50) + ",kind\n"
    path = written(tmp_path, row * 4000)
    tracemalloc.start()
    table = read_csv(path, target=-1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.inputs.shape == (4000, 50)
    # The text is 3 MB, its fields as Python objects would be 12 MB, the numbers are 1.6 MB.
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "got no lines"),
        ("x,y\n", {}, "no rows"),
        ("x,y\n1,2\n1,2,3\n", {}, "line 3: got 3 fields, expected 2"),
        ("x,y\n1,2\n\n1\n", {}, "line 4: got 1 fields, expected 2"),
        ("x,y\n1,2\nred,2\n", {}, "line 3: got 'red' .*in column 'x', expected a number"),
        ("x,y\n1_000,2\n", {}, "line 2: got '1_000'"),
        ('x;y\n"1,5";2\n', {}, "decimal=','"),
        ("x,y\n1,2\n1,\n", {}, "line 3: got no target in column 'y'"),
        ('x,y\n1,"2\n', {}, "line 2: got unexpected end of data"),
        ("x,y\n1,a\n", {"classes": False}, "column 'y': got 'a'"),
        ("x,y\n1,a\n", {"classes": ["b"]}, "got 'a', expected one of classes"),
        ("x,y\n1,a\n", {"target": None}, "got no target=.* 'x', 'y'; pass for instance target='y'"),
        ("x,y\n1,a\n", {"target": "z"}, "target: got 'z' .*one of 'x', 'y'"),
        ("x,y\n1,a\n", {"target": 2}, "a place from 0 to 1"),
        ("y,y\n1,a\n", {}, "exactly once"),
        ("1,2\n", {}, "the file has no names"),
        ("x,y\n1,a\n", {"columns": []}, "at least one column"),
        ("x,y\n1,a\n", {"columns": ["y"]}, "besides the target"),
        ("x,y\n1,a\n", {"delimiter": ""}, "delimiter"),
        ("x,y\n1,a\n", {"decimal": "x"}, "decimal"),
        ("x,y\n1,a\n", {"encoding": "klingon"}, "encoding: got 'klingon'"),
        ("x,y\n1,\u00fc\n".encode("latin-1"), {}, "not utf-8-sig .*encoding='latin-1'"),
        (gzip.compress(b"1,2\n" * 999, mtime=0)[:-12], {"target": 1}, "damaged compressed data"),
    ],
)
def test_faults_are_named_with_their_line(tmp_path, text, options, message):
    path = written(tmp_path, text)
    with pytest.raises((DataError, OptionError), match=message):
        read_csv(path, **{"target": "y", **options})


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(scratch, content):
    path = written(scratch, content)
    try:
        table = read_csv(path, target=-1, classes=True)
    except (DataError, OptionError):
        return
    assert len(table) >= 1


def test_tables_of_pandas_are_read(tmp_path, rng):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rng.normal(size=(20, 3)), columns=["a", "b c", "d"])
    frame.loc[3, "a"] = np.nan
    frame["kind"] = np.array(["u", "v"])[rng.integers(0, 2, 20)]
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read_csv(tmp_path / "t.csv", target="kind", dtype=np.float64)
    assert np.array_equal(table.inputs, frame[["a", "b c", "d"]], equal_nan=True)


# --------------------------------------------------------------------------------------- NPZ
@pytest.mark.parametrize("pair", [("x", "y"), ("X", "y"), ("images", "labels")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_usual_pairs_are_found(tmp_path, pair, save):
    arrays = {pair[0]: np.ones((3, 2), np.float32), pair[1]: np.arange(3), "other": np.zeros(9)}
    save(tmp_path / "a.npz", **arrays)
    table = read_npz(tmp_path / "a.npz")
    assert np.array_equal(table.inputs, arrays[pair[0]]) and table.targets.tolist() == [0, 1, 2]


def test_other_names_have_to_be_said(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.zeros((2, 1)), b=np.zeros(2))
    with pytest.raises(DataError, match=r"\['a', 'b'\].*no usual pair.*say which"):
        read_npz(path)
    assert len(read_npz(path, inputs="a", targets="b")) == 2
    with pytest.raises(DataError, match="no array 'c'"):
        read_npz(path, inputs="a", targets="c")
    with pytest.raises(OptionError, match="both"):
        read_npz(path, inputs="a")
    np.savez(path, x=np.zeros(2), y=np.zeros(2), images=np.zeros(2), labels=np.zeros(2))
    with pytest.raises(DataError, match="several usual pairs"):
        read_npz(path)


def test_pickles_bombs_and_damage_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([None, 1], object), y=np.zeros(2))
    with pytest.raises(DataError, match="'x' cannot be read"):
        read_npz(path)
    np.savez_compressed(path, x=np.zeros((2, 10**6), np.uint8), y=np.zeros(2))
    with pytest.raises(DataError, match="bytes unpacked, expected at most"):
        read_npz(path, max_bytes=10**6)
    content = path.read_bytes()
    for cut in (0, 10, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:cut])
        with pytest.raises(DataError):
            read_npz(path)
