"""Round trips from files: what is read, and what is said of files that make no sense."""

import pytest
import raftlab as rl


def read(folder, text):
    path = folder / "trips.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return rl.network_from_csv(path)


SAMPLE = rl.empirical([5, 6, 7, 8])


@pytest.mark.parametrize(
    "text",
    [
        "10,12\n14,16\n",
        "rtt_ms\n10\n12\n14\n16\n",
        "a,b\n10,12\n14,16\n",
        "10;12\n14;16\n",
        "10\t12\r\n14\t16\r\n",
        "\ufeff10\n12\n\n14\n16",
        "\ufeffrtt_ms;more\n10;12\n14;\n16;",
    ],
)
def test_a_sample_of_round_trips(tmp_path, text):
    assert read(tmp_path, text).latency == SAMPLE


@pytest.mark.parametrize(
    "text",
    [
        ",fra,lon,nyc\nfra,,12,85\nlon,12,,75\nnyc,85,75,\n",
        "\ufefffrom;fra;lon;nyc\nfra;0;12;85\nlon;12;0;75\nnyc;85;75;0.1\n",
        ",1,2,3\n1,,12,85\n2,12,,75\n3,85,75,\n",
    ],
)
def test_a_matrix_of_round_trips(tmp_path, text):
    network = read(tmp_path, text)
    assert list(network.regions) == [0, 1, 2]
    assert network.latency[0][2] == rl.uniform(0.9 * 42.5, 1.1 * 42.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty"]),
        (b"\xff\xfe1", ["cannot be read"]),
        ("rtt_ms\n", ["holds no round trips", "rtt_ms"]),
        (",a,b,c\n", ["a row and a column for each of a, b, c"]),
        ("1,2\n-3,4\n", ["line 2, column 1", "at least 0", "'-3'"]),
        ("1,2\n3,nan\n", ["line 2, column 2", "'nan'"]),
        ("inf\n3\n", ["line 1, column 1", "'inf'"]),
        ("rtt\n1\n\nfast\n", ["line 4, column 1", "'fast'"]),
        ("10,5;11,5\n", ["line 1, column 1", "'10,5'"]),
        (",a,b\na,,1\n", ["a row and a column for each of a, b"]),
        (",a,b\na,,x\nb,1,\n", ["line 2, column 3", "from a to b", "'x'"]),
        (",a,b\na,,-1\nb,1,\n", ["line 2, column 3", "above 0", "'-1'"]),
        (",a,b\na,,\nb,1,\n", ["line 2, column 3", "from a to b", "an empty cell"]),
        (",a,b\na,,1\nb,0,\n", ["line 3, column 2", "from b to a", "above 0", "'0'"]),
        (",a,b\na,x,1\nb,1,\n", ["line 2, column 2", "'x'"]),
        (",a,b\na,,1\nc,1,\n", ["line 3, column 1", "'b'", "'c'"]),
        (",a,b\nb,1,\na,,1\n", ["line 2, column 1", "'a'", "'b'"]),
        (",a,b\na,,1,2\nb,1,\n", ["line 2", "2 cells", "not 3"]),
        (",a,a\na,,1\na,1,\n", ["line 1, column 3", "'a'", "twice"]),
        (",a,\na,,1\n", ["line 1, column 3", "missing"]),
    ],
)  # fmt: skip
def test_files_that_make_no_sense(tmp_path, text, words):
    with pytest.raises(rl.InvalidError) as error:
        read(tmp_path, text)
    assert all(word in str(error.value) for word in ["path", *words]), str(error.value)
