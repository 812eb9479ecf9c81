"""Reads a dataset the way its users do, and fails with one sentence where that does not work.

mlcroissant validates croissant.json and loads records of each record set; DuckDB queries the
tables; Polars reads them; pyarrow and DuckDB find the units.

    python check_dataset.py DATASET
"""

import csv
import json
import math
import sys
from importlib.metadata import version
from itertools import islice
from pathlib import Path

# Each table with the columns that name a row and by which it is sorted.
KEYS = {
    "runs": ["run_id"],
    "samples": ["run_id", "sequence"],
    "marks": ["run_id", "sequence"],
    "machines": ["run_id"],
    "emulated_runs": ["run_id"],
    "emulator_residuals": ["board", "row", "quantity"],
    "tool_readings": ["client", "method", "board", "load"],
}
TABLES = tuple(KEYS)
# Tables joined by run_id to the runs; the others hold emulated results only, and may be empty.
TRACES = ("runs", "samples", "marks", "machines")
EMULATED = ("emulated_runs", "emulator_residuals", "tool_readings")
RECORDS = 3


class Failure(Exception):
    """A sentence that says which file is wrong and how."""


def check(condition: bool, message: str) -> None:
    """Raises a failure with the message where the condition does not hold."""
    if not condition:
        raise Failure(message)


def dictionary(root: Path) -> dict[str, dict[str, tuple[str, str]]]:
    """Type and unit of each column by table, from the data dictionary."""
    columns: dict[str, dict[str, tuple[str, str]]] = {table: {} for table in TABLES}
    with (root / "data_dictionary.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            columns[line["table"]][line["column"]] = (line["type"], line["unit"])
    for table in TABLES:
        check(bool(columns[table]), f"data_dictionary.csv: no column of '{table}'")
    return columns


def height(root: Path, table: str) -> int:
    """Rows of a table, by the footer of its file; only those of emulated results may be none."""
    from pyarrow import parquet

    path = root / "data" / f"{table}.parquet"
    rows = parquet.read_metadata(path).num_rows
    check(rows > 0 or table in EMULATED, f"{path}: no rows")
    return rows


def croissant(root: Path, columns: dict) -> str:
    """Validates the description and loads records; loading also compares the hashes."""
    import mlcroissant

    path = root / "croissant.json"
    try:
        dataset = mlcroissant.Dataset(str(path))
    except mlcroissant.ValidationError as error:
        raise Failure(f"{path}: {error}") from error
    issues = dataset.metadata.ctx.issues
    check(not issues.errors and not issues.warnings, f"{path}: {issues.report()}")
    found = {record_set.id for record_set in dataset.metadata.record_sets}
    check(found == set(TABLES), f"{path}: record sets {sorted(found)}, expected {sorted(TABLES)}")
    loaded = 0
    for table in TABLES:
        rows = height(root, table)
        records = list(islice(dataset.records(table), RECORDS)) if rows else []
        few = min(RECORDS, rows)
        check(len(records) == few, f"{path}: '{table}' gives {len(records)} records, not {few}")
        loaded += len(records)
        expected = {f"{table}/{name}" for name in columns[table]}
        for record in records:
            check(set(record) == expected, f"{path}: a record of '{table}' has other fields")
            for name in KEYS[table]:
                check(record[f"{table}/{name}"] is not None, f"{path}: '{table}' without {name}")
    return f"mlcroissant {version('mlcroissant')}: valid, {loaded} records of {len(TABLES)} sets"


def count(connection, source: str) -> int:
    """Rows of what DuckDB finds there."""
    return connection.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0]


def duckdb(root: Path, columns: dict) -> str:
    """Reads each table, its units, and answers the question the dataset exists for."""
    import duckdb

    connection = duckdb.connect()
    for table in TABLES:
        path = root / "data" / f"{table}.parquet"
        names = [name for (name, *_) in connection.sql(f"DESCRIBE FROM '{path}'").fetchall()]
        check(names == list(columns[table]), f"{path}: DuckDB sees the columns {names}")
        stored = connection.execute(
            "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'joulebench.schema'",
            [str(path)],
        ).fetchall()
        check(len(stored) == 1, f"{path}: no 'joulebench.schema' in the file metadata")
        units = {c["name"]: (c["type"], c["unit"]) for c in json.loads(stored[0][0])["columns"]}
        check(units == columns[table], f"{path}: the file metadata disagrees with the dictionary")
    known = f"(SELECT run_id FROM '{root}/data/runs.parquet')"
    for table in TRACES:
        path = root / "data" / f"{table}.parquet"
        orphans = count(connection, f"'{path}' WHERE run_id NOT IN {known}")
        check(orphans == 0, f"{path}: {orphans} rows of unknown runs")
    both = count(connection, f"'{root}/data/emulated_runs.parquet' WHERE run_id IN {known}")
    check(both == 0, f"{both} runs are in runs and in emulated_runs")
    for table in EMULATED:
        path = root / "data" / f"{table}.parquet"
        others = count(connection, f"'{path}' WHERE provenance IS DISTINCT FROM 'emulated'")
        check(others == 0, f"{path}: {others} rows are not marked emulated")
    # The counter's energy over each window, from the raw readings, against the runs table.
    raw = connection.sql(f"""
        SELECT run_id, energy_counter_j, (max(energy_mj) - min(energy_mj)) / 1000.0
        FROM '{root}/data/samples.parquet' s
        JOIN (SELECT run_id, energy_counter_j FROM '{root}/data/runs.parquet') r USING (run_id)
        WHERE stage = 'window' AND energy_counter_j IS NOT NULL
        GROUP BY ALL""").fetchall()
    for run_id, stated, found in raw:
        close = math.isclose(stated, found, rel_tol=1e-9)
        check(close, f"run {run_id}: {found} J in the samples, {stated} J in the runs")
    points = connection.sql(f"""
        SELECT provenance, model, engine, batch, prompt_tokens, unit, count(*) AS n,
               exp(avg(ln(energy_per_unit_j))) AS joules_per_unit
        FROM '{root}/data/runs.parquet'
        WHERE faults = '' AND energy_per_unit_j IS NOT NULL
        GROUP BY ALL ORDER BY ALL""")
    for *point, energy in points.fetchall():
        print(*point, f"{energy:.4g} J", sep="  ")
        check(math.isfinite(energy) and energy > 0, f"{point}: {energy} J per unit")
    errors(connection, root)
    return f"DuckDB {duckdb.__version__}: {len(raw)} windows agree with the raw readings"


def errors(connection, root: Path) -> None:
    """The errors of tools and emulated boards are those of the numbers beside them."""
    tables = (
        ("tool_readings", "reported_j", "true_j"),
        ("emulator_residuals", "model", "reference"),
    )
    for table, found, true in tables:
        path = root / "data" / f"{table}.parquet"
        # Recordings are rounded to a hundredth of a percent at worst.
        wrong = count(
            connection,
            f"""'{path}' WHERE abs(({found} / {true} - 1) * 100 - error_pct) > 0.01
                OR ({found} IS NULL) <> (error_pct IS NULL)""",
        )
        check(wrong == 0, f"{path}: error_pct of {wrong} rows is not {found} / {true} - 1")


def polars(root: Path, columns: dict) -> str:
    """Reads each table with the types of the dictionary."""
    import polars

    types = {
        "int64": polars.Int64,
        "float64": polars.Float64,
        "string": polars.String,
        "bool": polars.Boolean,
    }
    rows = 0
    for table in TABLES:
        path = root / "data" / f"{table}.parquet"
        frame = polars.read_parquet(path)
        rows += frame.height
        expected = {name: types[kind] for name, (kind, _) in columns[table].items()}
        check(dict(frame.schema) == expected, f"{path}: Polars reads {frame.schema}")
        key = KEYS[table]
        check(frame.select(key).is_duplicated().sum() == 0, f"{path}: {key} is no key")
        check(frame.select(key).equals(frame.select(key).sort(key)), f"{path}: not sorted by {key}")
        check(frame["provenance"].null_count() == 0, f"{path}: rows without provenance")
        if table in EMULATED:
            origins = set(frame["provenance"].unique())
            check(origins <= {"emulated"}, f"{path}: provenance is {sorted(origins)}")
    return f"Polars {polars.__version__}: {rows} rows, typed, sorted, keys unique"


def pyarrow(root: Path, columns: dict) -> str:
    """Finds unit and description at each Arrow field."""
    import pyarrow
    from pyarrow import parquet

    for table in TABLES:
        path = root / "data" / f"{table}.parquet"
        for field in parquet.read_schema(path):
            metadata = field.metadata or {}
            unit = metadata.get(b"unit", b"").decode()
            expected = columns[table][field.name][1]
            check(unit == expected, f"{path}: {field.name} has the unit '{unit}', not '{expected}'")
            check(bool(metadata.get(b"description")), f"{path}: {field.name} has no description")
    return f"pyarrow {pyarrow.__version__}: unit and description at every field"


def pandas(root: Path, columns: dict) -> str:
    """Reads each table as most people will."""
    import pandas

    for table in TABLES:
        path = root / "data" / f"{table}.parquet"
        frame = pandas.read_parquet(path)
        check(list(frame.columns) == list(columns[table]), f"{path}: pandas reads {frame.columns}")
    return f"pandas {pandas.__version__}: reads {len(TABLES)} tables"


def main() -> int:
    """Runs every check; 0 where all passed."""
    if len(sys.argv) != 2:
        print("usage: check_dataset.py DATASET", file=sys.stderr)
        return 2
    root = Path(sys.argv[1]).resolve()
    reading = "the data dictionary"
    try:
        check((root / "croissant.json").is_file(), f"{root} is no dataset: no croissant.json in it")
        columns = dictionary(root)
        for reader in (pyarrow, polars, pandas, duckdb, croissant):
            reading = reader.__name__
            print(reader(root, columns), flush=True)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except Exception as error:  # whatever a reader raises is the verdict of that reader
        print(f"error: {root}: {reading} failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
