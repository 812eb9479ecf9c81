//! Croissant 1.1: the description of the tables for machines, as JSON-LD.
//!
//! Specification: <https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html>. Croissant has no property for
//! units, so they stand at the end of each description, in brackets.

use std::path::Path;

use serde_json::{Value, json};

use super::checksums::Sums;
use super::column::Column;
use super::{DATASET_DATE, DATASET_VERSION, Error, KEYWORDS, REPOSITORY, Table, dictionary};

/// Name of the file inside the dataset.
pub(super) const FILE: &str = "croissant.json";

/// The type of a Parquet file in Croissant.
const PARQUET: &str = "application/x-parquet";

/// The JSON-LD for the files with these sums.
pub(super) fn to_json(sums: &Sums) -> String {
    let document = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "joulebench",
        "description": "Energy of AI inference on GPUs: raw sensor readings, marks of the workload, machines, results per run, and results of emulated boards in tables of their own.",
        "version": DATASET_VERSION,
        "datePublished": DATASET_DATE,
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "url": REPOSITORY,
        "creator": {
            "@type": "sc:Organization",
            "name": "The joulebench contributors",
            "url": REPOSITORY,
        },
        "keywords": KEYWORDS,
        "inLanguage": "en",
        "isLiveDataset": false,
        "citeAs": format!(
            "@misc{{joulebench, title={{joulebench: energy of AI inference on GPUs}}, \
             author={{{{The joulebench contributors}}}}, year={{{}}}, url={{{REPOSITORY}}}}}",
            &DATASET_DATE[..4]
        ),
        "rai:dataCollection": "Sensors of the board read about every 10 ms on one monotonic clock while a worker process runs inference; the worker stamps its phases on the same clock. The tables emulated_runs, emulator_residuals and tool_readings come from emulated boards in virtual time, fitted to public recordings.",
        "rai:dataLimitations": "Energy of one implementation on one board; the board's counter sees neither host nor cooling. Emulated results are those of a model, emulator_residuals says how far it is from silicon.",
        "rai:dataUseCases": "Power models, studies of on-board sensors and of operating points, checks of other instruments.",
        "rai:personalSensitiveInformation": "None.",
        "distribution": distribution(sums),
        "recordSet": Table::ALL.map(record_set),
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a JSON value serialises");
    text.push('\n');
    text
}

/// The context of the specification, which readers expect word for word.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "arrayShape": "cr:arrayShape",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "containedIn": "cr:containedIn",
        "cr": "http://mlcommons.org/croissant/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "dct": "http://purl.org/dc/terms/",
        "description": {"@container": "@language"},
        "equivalentProperty": "cr:equivalentProperty",
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "extract": "cr:extract",
        "field": "cr:field",
        "fileObject": "cr:fileObject",
        "fileProperty": "cr:fileProperty",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isArray": "cr:isArray",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "md5": "cr:md5",
        "name": {"@container": "@language"},
        "parentField": "cr:parentField",
        "path": "cr:path",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "samplingRate": "cr:samplingRate",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
    })
}

fn file_object(path: &str, encoding: &str, description: &str, sums: &Sums) -> Option<Value> {
    let sum = sums.get(path)?;
    Some(json!({
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "description": description,
        "contentUrl": path,
        "encodingFormat": encoding,
        "sha256": sum,
    }))
}

fn distribution(sums: &Sums) -> Vec<Value> {
    let tables = Table::ALL
        .into_iter()
        .filter_map(|table| file_object(table.path(), PARQUET, table.description(), sums));
    let dictionary = file_object(
        dictionary::FILE,
        "text/csv",
        "Every column of every table: type, unit, meaning.",
        sums,
    );
    tables.chain(dictionary).collect()
}

fn record_set(table: Table) -> Value {
    let id = |column: &str| json!({"@id": format!("{}/{column}", table.name())});
    let key: Vec<Value> = table.key().iter().map(|column| id(column)).collect();
    let fields: Vec<Value> = table
        .columns()
        .iter()
        .map(|column| field(table, column))
        .collect();
    json!({
        "@type": "cr:RecordSet",
        "@id": table.name(),
        "name": table.name(),
        "description": table.description(),
        "key": key,
        "field": fields,
    })
}

fn field(table: Table, column: &Column) -> Value {
    json!({
        "@type": "cr:Field",
        "@id": format!("{}/{}", table.name(), column.name),
        "name": column.name,
        "description": format!("{} [{}]", column.description, column.unit),
        "dataType": column.kind.croissant(),
        "source": {
            "fileObject": {"@id": table.path()},
            "extract": {"column": column.name},
        },
    })
}

/// Checks that the description names every table with the hash that its file has.
pub(super) fn verify(root: &Path, sums: &Sums) -> Result<(), Error> {
    let path = root.join(FILE);
    let document: Value = serde_json::from_str(&fs_err::read_to_string(&path)?)
        .map_err(|error| Error::invalid(&path, format!("not JSON: {error}")))?;
    let objects = document["distribution"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let stated = |object: &Value, key: &str| object[key].as_str().unwrap_or_default().to_owned();
    for object in objects {
        let (file, hash) = (stated(object, "contentUrl"), stated(object, "sha256"));
        match sums.get(&file) {
            Some(sum) if *sum == hash => {}
            Some(sum) => {
                return Err(Error::invalid(
                    &path,
                    format!("sha256 of '{file}' is stated as '{hash}', the file has {sum}"),
                ));
            }
            None => {
                let problem = format!("distribution names '{file}', which is not in the dataset");
                return Err(Error::invalid(&path, problem));
            }
        }
    }
    for table in Table::ALL {
        if !objects
            .iter()
            .any(|object| stated(object, "contentUrl") == table.path())
        {
            let problem = format!("distribution lacks the file '{}'", table.path());
            return Err(Error::invalid(&path, problem));
        }
    }
    Ok(())
}
