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
        "10,12.0\n14,16\n",
        "rtt_ms\n10\n12\n14\n16\n",
        "a,b\n10,12\n14,16\n",
        "10;12\n14;16\n",
        "10\t12\r\n14\t16\r\n",
        "\ufeff10\n12\n\n14\n16",
        "\ufeffrtt_ms;more\n10;12\n14;\n16;",
        "10,0;12,0\n14,0;16,0\n",
        "rtt_ms\tmore\n10,0\t12\n14\t16,00\n",
    ],
)
def test_a_sample_of_round_trips(tmp_path, text):
    assert read(tmp_path, text).latency == SAMPLE


@pytest.mark.parametrize(
    "text",
    [
        ",fra,lon,nyc\nfra,,12,85\nlon,12,,75\nnyc,85,75,\n",
        "\ufefffrom;fra;lon;nyc\nfra;0;12;85\nlon;12;0;75\nnyc;85;75;0.1\n",
        ";fra;lon;nyc\nfra;;12,0;85,0\nlon;12;;75\nnyc;85,0;75;0,1\n",
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
        ("10.000,5;11,5\n", ["line 1, column 1", "'10.000,5'"]),
        ("rtt_ms\n0,5\n0,6\n12,4\n", ["line 2, column 2", "2 cells", "decimal point", "semicolons"]),
        ("rtt_ms\n5\n12,4\n", ["line 3, column 2", "2 cells"]),
        ("a,b\n1,2\n0,5,0,6\n", ["line 3, column 3", "4 cells"]),
        ("0,5\n12,4\n", ["line 1, column 1", "'0,5'", "two round trips or one"]),
        ('"0,5"\n', ["line 1, column 1", "'0,5'"]),
        (",a,b\na,,0,5\nb,0,5,\n", ["line 2, column 4", "decimal point"]),
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


THREE = ",fra,lon,nyc\nfra,,12,80\nlon,12,4,70\nnyc,80,70,\n"


def three(folder, **options):
    path = folder / "three.csv"
    path.write_text(THREE)
    return rl.network_from_csv(path, **options)


def test_regions_have_as_many_machines_as_is_said(tmp_path):
    network = three(tmp_path, nodes={"lon": 2, "fra": 2, "nyc": 1})
    assert list(network.regions) == [0, 0, 1, 1, 2], "in the order of the file"
    assert network.latency[1][1] == rl.uniform(0.9 * 2, 1.1 * 2), "as the file says"
    assert network.latency[0][0] == rl.uniform(0.9 * 0.5, 1.1 * 0.5), "the file does not say"
    run = rl.Scenario(5, network=network, horizon="5s").run(seed=0)
    assert run.leaders
    assert list(three(tmp_path, nodes={"lon": 2, "fra": 0, "nyc": 1}).regions) == [1, 1, 2]
    assert list(three(tmp_path, nodes=3).regions) == [0, 1, 2]


def test_a_file_may_say_how_many_machines_a_region_has(tmp_path):
    text = ",fra,lon,Nodes\nfra,,12,3\nlon,12,,2\n"
    assert list(read(tmp_path, text).regions) == [0, 0, 0, 1, 1]
    path = tmp_path / "trips.csv"
    assert list(rl.network_from_csv(path, nodes=5).regions) == [0, 0, 0, 1, 1]
    for nodes, words in (
        (4, "nodes must be 5, as many as the file has .fra 3, lon 2., not 4"),
        ({"fra": 2, "lon": 3}, "nodes: the file has fra 3, lon 2, and nodes= says fra 2, lon 3"),
    ):
        with pytest.raises(rl.InvalidError, match=words):
            rl.network_from_csv(path, nodes=nodes)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (5, r"nodes must be 3, .*machines by region, such as {'fra': 2, 'lon': 2, 'nyc': 1}, not 5"),
        (2, r"nodes must be 3, .*such as {'fra': 1, 'lon': 1, 'nyc': 0}, not 2"),
        ("3", "nodes must be an integer"),
        ({"fra": 2, "par": 1}, "nodes: unknown region 'par'; the file has fra, lon, nyc"),
        ({"fra": 2, "lon": 2}, "nodes must say how many machines each region has, .*: nyc is missing"),
        ({"fra": 2, "lon": 2, "nyc": 1.5}, "nodes: nyc must be an integer"),
        ({"fra": 0, "lon": 0, "nyc": 0}, "nodes must be between 1 and 255 in all, not 0"),
        ({"fra": 200, "lon": 100, "nyc": 0}, "nodes must be between 1 and 255 in all, not 300"),
    ],
)
def test_machines_that_contradict_the_file(tmp_path, nodes, words):
    with pytest.raises(rl.InvalidError, match=words):
        three(tmp_path, nodes=nodes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",a,b,nodes\na,,1,2\nb,1,,x\n", "line 3, column 4: nodes must be a number of machines, .*'x'"),
        (",a,b,nodes\na,,1,2\nb,1,\n", "line 3, column 4: nodes must be a number of machines"),
        (",a,b,c,nodes\na,,1,1,2\n", "a row and a column for each of a, b, c"),
        (",a,nodes\na,,2\n", "a matrix must have at least two nodes"),
    ],
)
def test_machines_in_a_file_that_make_no_sense(tmp_path, text, words):
    with pytest.raises(rl.InvalidError, match=words):
        read(tmp_path, text)
    with pytest.raises(rl.InvalidError, match=words):
        rl.network_from_csv(tmp_path / "trips.csv", nodes=3)


def test_a_sample_does_not_say_where_nodes_are(tmp_path):
    read(tmp_path, "10\n12\n")
    with pytest.raises(rl.InvalidError, match=r"nodes: .* a sample of round trips; only a matrix says where"):
        rl.network_from_csv(tmp_path / "trips.csv", nodes=5)
