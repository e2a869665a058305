//! Names as users write them: topics and members are case-sensitive and full of dots and brackets,
//! SQL folds case and reads dots as qualification. This pass over the syntax tree settles which is
//! meant, so that `SELECT accel.x, position[0] FROM Pump` works unquoted.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, ObjectName, ObjectNamePart, Query, Statement as SqlStatement,
    Subscript, TableFactor, Value, VisitMut, VisitorMut, visit_relations_mut,
};

/// Rewrites `statement` in place; what it resolves becomes quoted, the rest stays as it is.
///
/// `columns_of` gives a topic's columns. Returns the topics in use and notes for the user.
pub(crate) fn resolve(
    statement: &mut Statement,
    topics: &[String],
    columns_of: impl Fn(&str) -> Vec<String>,
) -> (Vec<String>, Vec<String>) {
    let Some(sql) = inner(statement) else {
        return (Vec::new(), Vec::new());
    };
    let mut scope = Scope::default();
    let _ = sql.visit(&mut scope);
    let (mut used, mut notes) = (Vec::new(), Vec::new());
    let _: ControlFlow<()> = visit_relations_mut(sql, |name| {
        if scope.is_common_table(name) {
            return ControlFlow::Continue(());
        }
        if let Some(topic) = topic_of(name, topics, &mut notes) {
            *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', topic))]);
            if !used.contains(topic) {
                used.push(topic.clone());
            }
        }
        ControlFlow::Continue(())
    });
    let columns = used.iter().flat_map(|topic| columns_of(topic)).collect();
    let _ = sql.visit(&mut Columns { columns, topics: &used, scope: &scope });
    (used, notes)
}

/// The SQL statement, through any EXPLAIN of the planner's own.
fn inner(statement: &mut Statement) -> Option<&mut SqlStatement> {
    match statement {
        Statement::Statement(sql) => Some(sql),
        Statement::Explain(explain) => inner(&mut explain.statement),
        _ => None,
    }
}

/// The topic a relation means: as written, folded to lower case, or the only one that differs in
/// case alone.
fn topic_of<'a>(
    name: &ObjectName,
    topics: &'a [String],
    notes: &mut Vec<String>,
) -> Option<&'a String> {
    let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
    let written = parts.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join(".");
    if let Some(topic) = topics.iter().find(|t| **t == written) {
        return Some(topic);
    }
    let mut alike = topics.iter().filter(|t| t.eq_ignore_ascii_case(&written));
    let (topic, more) = (alike.next()?, alike.next());
    if more.is_some() {
        return None;
    }
    if parts.iter().any(|p| p.quote_style.is_some()) {
        notes.push(format!("\"{written}\" is recorded as \"{topic}\""));
    }
    Some(topic)
}

/// Names that the statement itself gives: aliases and common table expressions.
#[derive(Default)]
struct Scope {
    aliases: HashSet<String>,
    common_tables: HashSet<String>,
}

impl Scope {
    fn is_common_table(&self, name: &ObjectName) -> bool {
        let [part] = name.0.as_slice() else {
            return false;
        };
        part.as_ident().is_some_and(|ident| contains(&self.common_tables, &Step::ident(ident)))
    }
}

/// Whether a name given in the statement is meant, with SQL's folding of case.
fn contains(names: &HashSet<String>, step: &Step) -> bool {
    names.iter().any(|name| match step.quoted {
        true => *name == step.text,
        false => name.eq_ignore_ascii_case(&step.text),
    })
}

impl VisitorMut for Scope {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.common_tables.insert(cte.alias.name.value.clone());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::TableFunction { alias: Some(alias), .. }
        | TableFactor::NestedJoin { alias: Some(alias), .. } = factor
        {
            self.aliases.insert(alias.name.value.clone());
        }
        ControlFlow::Continue(())
    }
}

struct Columns<'a> {
    columns: HashSet<String>,
    topics: &'a [String],
    scope: &'a Scope,
}

impl VisitorMut for Columns<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(path) = path(expr)
            && let Some(resolved) = self.resolve(&path)
        {
            *expr = resolved;
        }
        ControlFlow::Continue(())
    }
}

impl Columns<'_> {
    fn resolve(&self, path: &[Step]) -> Option<Expr> {
        // A plain quoted name already says exactly what is meant.
        if let [Step { text, quoted: true, .. }] = path
            && self.columns.contains(text)
        {
            return None;
        }
        if let [first, rest @ ..] = path
            && !rest.is_empty()
            && let Some(qualifier) = self.qualifier(first)
        {
            let column = self.column(rest)?;
            return Some(Expr::CompoundIdentifier(vec![qualifier, column]));
        }
        self.column(path).map(Expr::Identifier)
    }

    fn qualifier(&self, step: &Step) -> Option<Ident> {
        let given = &self.scope;
        if contains(&given.aliases, step) || contains(&given.common_tables, step) {
            return Some(match step.quoted {
                true => Ident::with_quote('"', &step.text),
                false => Ident::new(&step.text),
            });
        }
        let exact = self.topics.iter().find(|topic| **topic == step.text);
        exact
            .or_else(|| self.topics.iter().find(|topic| topic.eq_ignore_ascii_case(&step.text)))
            .map(|topic| Ident::with_quote('"', topic))
    }

    /// The column a path spells, exactly or (unquoted) in the only other case there is.
    fn column(&self, path: &[Step]) -> Option<Ident> {
        let mut written = String::new();
        for (i, step) in path.iter().enumerate() {
            if i > 0 && !step.subscript {
                written.push('.');
            }
            written.push_str(&step.text);
        }
        if self.columns.contains(&written) {
            return Some(Ident::with_quote('"', written));
        }
        if path.iter().any(|step| step.quoted) {
            return None;
        }
        let mut alike = self.columns.iter().filter(|c| c.eq_ignore_ascii_case(&written));
        match (alike.next(), alike.next()) {
            (Some(column), None) => Some(Ident::with_quote('"', column)),
            _ => None,
        }
    }
}

/// One part of `a.b[0].c`.
struct Step {
    text: String,
    quoted: bool,
    subscript: bool,
}

impl Step {
    fn ident(ident: &Ident) -> Self {
        Self { text: ident.value.clone(), quoted: ident.quote_style.is_some(), subscript: false }
    }
}

/// The expression as a path of names and constant subscripts, if it is nothing else.
fn path(expr: &Expr) -> Option<Vec<Step>> {
    match expr {
        Expr::Identifier(ident) => Some(vec![Step::ident(ident)]),
        Expr::CompoundIdentifier(idents) => Some(idents.iter().map(Step::ident).collect()),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let mut steps = path(root)?;
            for access in access_chain {
                match access {
                    AccessExpr::Dot(inner) => steps.extend(path(inner)?),
                    AccessExpr::Subscript(Subscript::Index { index: Expr::Value(value) }) => {
                        let Value::Number(number, _) = &value.value else {
                            return None;
                        };
                        steps.push(Step {
                            text: format!("[{number}]"),
                            quoted: false,
                            subscript: true,
                        });
                    }
                    AccessExpr::Subscript(_) => return None,
                }
            }
            Some(steps)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn resolved(sql: &str) -> String {
        let topics = ["Pump", "plant/arm", "a.b"].map(String::from);
        let columns = ["time", "point", "accel.x", "motorCurrent", "position[0]", "p.q[1].r"];
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        resolve(&mut statement, &topics, |_| columns.map(String::from).to_vec());
        statement.to_string()
    }

    #[test]
    fn dotted_and_indexed_members_need_no_quotes() {
        assert_eq!(
            resolved("SELECT accel.x, position[0], p.q[1].r FROM Pump"),
            r#"SELECT "accel.x", "position[0]", "p.q[1].r" FROM "Pump""#
        );
    }

    #[test]
    fn qualifiers_stay() {
        assert_eq!(
            resolved(r#"SELECT v.accel.x, v.position[0] FROM "plant/arm" v WHERE v.time > 1"#),
            r#"SELECT v."accel.x", v."position[0]" FROM "plant/arm" v WHERE v."time" > 1"#
        );
        assert_eq!(
            resolved("SELECT pump.accel.x FROM pump"),
            r#"SELECT "Pump"."accel.x" FROM "Pump""#
        );
    }

    #[test]
    fn a_common_table_hides_a_topic() {
        assert_eq!(
            resolved("WITH pump AS (SELECT 1 AS n) SELECT pump.n FROM pump"),
            "WITH pump AS (SELECT 1 AS n) SELECT pump.n FROM pump"
        );
    }

    #[test]
    fn case_is_found_where_only_one_fits() {
        assert_eq!(
            resolved("SELECT MOTORCURRENT, TIME FROM A.B"),
            r#"SELECT "motorCurrent", "time" FROM "a.b""#
        );
        assert_eq!(resolved("SELECT nothing FROM Elsewhere"), "SELECT nothing FROM Elsewhere");
    }
}
