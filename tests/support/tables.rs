//! The reference tables and their vocabulary.

use std::path::Path;

use serde_json::Value as Json;

/// A file of reference values.
pub fn reference(file: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(file);
    let text = std::fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("the file is JSON")
}

/// One of the tables of raft-rs.
pub fn table(name: &str) -> Json {
    let table = reference("raft-rs/paper_tables.json")[name].take();
    assert!(table.is_object(), "there is no table '{name}'");
    table
}

/// A table that states its case in words, which the test prints.
pub fn in_words(name: &str) {
    println!("{name}: {}", table(name));
}

/// Checks every row of a table, and the number of rows.
pub fn check(name: &str, rows: usize, row: impl Fn(&Json)) {
    check_but(name, rows, &[], row);
}

/// Checks the rows of a table except these (counted from 1).
pub fn check_but(name: &str, rows: usize, skipped: &[usize], row: impl Fn(&Json)) {
    let table = table(name);
    let cases = rows_of(&table);
    let mut checked = 0;
    for (number, case) in (1..).zip(cases).filter(|(number, _)| !skipped.contains(number)) {
        println!("{name}, row {number}: {case}");
        row(case);
        checked += 1;
    }
    assert_eq!((checked, cases.len()), (rows - skipped.len(), rows));
}

pub fn rows_of(table: &Json) -> &Vec<Json> {
    table["cases"].as_array().expect("a table has cases")
}

pub fn integer(json: &Json) -> u64 {
    json.as_u64().unwrap_or_else(|| panic!("{json} is no integer"))
}

/// Entries are [term, index].
pub fn entries(list: &Json) -> Vec<(u64, u64)> {
    let pair = |entry: &Json| (integer(&entry[0]), integer(&entry[1]));
    list.as_array().expect("a list of entries").iter().map(pair).collect()
}

pub fn terms(list: &Json) -> Vec<u64> {
    entries(list).into_iter().map(|(term, _)| term).collect()
}
