"""dlt: a pipeline that merges by primary key; it loads, and does not query."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="ERROR")

import dlt
from wire import serve, timed

folder = tempfile.mkdtemp(prefix="dlt-")


def pipeline():
    return dlt.pipeline(
        pipeline_name="bench",
        # It insists on a password, which the server does not ask for.
        destination=dlt.destinations.postgres(sys.argv[1].replace("@", ":-@")),
        dataset_name="bench",
        pipelines_dir=folder,
    )


def upsert(path: str, reset: bool) -> float:
    if reset:
        first = pipeline()
        try:
            with first.sql_client() as client:
                client.drop_dataset()
        except Exception as error:
            print(error, file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
    with Path(path).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    # The data stays one JSON column, as ours is.
    resource = dlt.resource(
        rows,
        name="records",
        primary_key="external_id",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        columns={"data": {"data_type": "json"}},
    )
    run = pipeline()
    return timed(lambda: run.run(resource).raise_on_failed_jobs())


serve({"upsert": upsert})
