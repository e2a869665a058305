//! Wrong input gets an error with a place and a remedy.

mod common;

use common::pumps;
use tidewire_query::{Engine, QueryError};

fn refused(sql: &str) -> QueryError {
    let dir = pumps();
    let engine = Engine::open(dir.path()).unwrap();
    match engine.sql_blocking(sql) {
        Ok(table) => panic!("{sql} gave\n{table}"),
        Err(error) => error,
    }
}

#[test]
fn an_unknown_topic_lists_the_topics() {
    let error = refused(r#"SELECT * FROM "plant/pump""#);
    assert_eq!(
        error.to_string(),
        "no topic \"plant/pump\" in this recording (did you mean \"plant/pumps\"?); \
         it has \"plant/pumps\""
    );
    let dir = pumps();
    let error = Engine::open(dir.path()).unwrap().count("x").unwrap_err();
    assert!(matches!(error, QueryError::UnknownTable { .. }));
}

#[test]
fn an_unknown_column_lists_the_columns() {
    let error = refused(r#"SELECT acel.x FROM "plant/pumps""#);
    match error {
        QueryError::UnknownColumn { name, nearest, known } => {
            assert_eq!(name, "acel.x");
            assert_eq!(nearest.as_deref(), Some("accel.x"));
            assert_eq!(known.len(), 13);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_syntax_error_has_its_place() {
    match refused("SELECT 1\nFROM , x") {
        QueryError::Syntax { line, column, .. } => assert_eq!((line, column), (2, 6)),
        other => panic!("{other:?}"),
    }
    let error = refused("SELECT * FROM plant/pumps").to_string();
    assert!(error.contains("line 1, column 20"), "{error}");
    assert!(error.ends_with("hint: quote the topic's name: \"plant/pumps\""), "{error}");
}

#[test]
fn a_recording_is_only_read() {
    for sql in [
        r#"DROP TABLE "plant/pumps""#,
        r#"INSERT INTO "plant/pumps" VALUES (1)"#,
        "CREATE TABLE t AS SELECT 1",
        r#"COPY "plant/pumps" TO 'out.csv'"#,
        "SET a = 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    ] {
        assert!(matches!(refused(sql), QueryError::ReadOnly(_)), "{sql}");
    }
}

#[test]
fn a_time_compared_with_a_number_says_how_to_write_a_time() {
    let error = refused(r#"SELECT * FROM "plant/pumps" WHERE time > 5"#).to_string();
    assert!(error.contains("hint: write a time as"), "{error}");
}

#[test]
fn a_folder_that_is_no_recording_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = Engine::open(dir.path()).err().unwrap();
    assert!(error.to_string().contains("not a recording"), "{error}");
}

#[test]
fn names_in_another_case_are_found_and_told() {
    let dir = pumps();
    let engine = Engine::open(dir.path()).unwrap();
    let table = engine.sql_blocking(r#"SELECT TIME FROM "Plant/Pumps" LIMIT 1"#).unwrap();
    assert_eq!(table.notes(), ["\"Plant/Pumps\" is recorded as \"plant/pumps\""]);
    assert!(table.to_text(None).contains("note: "));
}
