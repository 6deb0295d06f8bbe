//! JSON Schemas (draft 2020-12) of kubeboot's two kinds, made of what their readers ask for ([`crate::document::outline`]).
//!
//! A schema takes whatever the reader takes, and refuses what has another shape. What fields demand of one another, what
//! certificates say and what bundles hold, only the reader knows, and `kubeboot check`. An editor holds every document of a file
//! against the same schema, so that it knows kubeadm's documents too, which may follow.

use serde_json::{Map, Value, json};

use crate::document::form::{Form, Look};
use crate::document::outline::{MapOutline, Outline, Rule, Shape};
use crate::document::{KubeadmOutline, kubeadm_outlines, outline_cluster, outline_node};

/// Whose schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A machine's document.
    Node,
    /// mint's input.
    Cluster,
}

/// The schema of a kind.
#[must_use]
pub fn schema(kind: Kind) -> Value {
    let (name, title, outline) = match kind {
        Kind::Node => ("Node", "kubeboot: the document of a machine (kind: Node)", outline_node()),
        Kind::Cluster => ("Cluster", "kubeboot: a cluster file, from which mint makes documents (kind: Cluster)", outline_cluster()),
    };
    let mut definitions = Map::new();
    definitions.insert(name.to_owned(), value(&outline));
    let kubeadm = kubeadm_outlines();
    let branch = |kind: &str, other: Value| {
        let is_kind = json!({"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]});
        json!({"if": is_kind, "then": reference(kind), "else": other})
    };
    // kubeboot's own kind comes first: a language server that completes a document takes `Cluster` for the beginning of
    // `ClusterConfiguration`. It comes last again for a document that has no kind yet, or none that is known.
    let kubeadms_or_own = kubeadm.iter().rev().fold(reference(name), |other, outline| branch(outline.kind, other));
    let branch = branch(name, kubeadms_or_own);
    definitions.extend(kubeadm.iter().map(|outline| (outline.kind.to_owned(), kubeadms(outline))));
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!(title));
    if let Value::Object(branch) = branch {
        schema.extend(branch);
    }
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(schema)
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn value(outline: &Outline) -> Value {
    let mut shapes: Vec<Value> = outline.shapes().iter().map(shape).collect();
    match shapes.len() {
        0 => json!({}),
        1 => shapes.swap_remove(0),
        _ => json!({"anyOf": shapes}),
    }
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Single(form) => single(form),
        Shape::Words(words) => match words.as_slice() {
            [word] => json!({"const": word}),
            _ => json!({"enum": words}),
        },
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::List(item) => json!({"type": "array", "items": value(item)}),
        Shape::Map(fields) => map(fields),
        Shape::Keyed { keys, value: below } => {
            json!({"type": "object", "propertyNames": single(keys), "additionalProperties": value(below)})
        }
    }
}

fn single(form: &Form) -> Value {
    match form.look {
        Look::Anything => json!({"type": "string"}),
        // Not a keyword of the standard: what editors say in place of the pattern, which says nothing to most people.
        Look::Text(pattern) => json!({"type": "string", "pattern": pattern, "patternErrorMessage": format!("write {}", form.example)}),
        Look::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
    }
}

fn map(outline: &MapOutline) -> Value {
    let mut properties = Map::new();
    for field in &outline.fields {
        let mut property = Map::new();
        property.insert("description".to_owned(), json!(field.what));
        if let Value::Object(value) = value(&field.value) {
            property.extend(value);
        }
        properties.insert(field.name.to_owned(), Value::Object(property));
    }
    let required: Vec<&str> = outline.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut map = Map::new();
    map.insert("type".to_owned(), json!("object"));
    map.insert("properties".to_owned(), Value::Object(properties));
    map.insert("additionalProperties".to_owned(), json!(false));
    if !required.is_empty() {
        map.insert("required".to_owned(), json!(required));
    }
    for rule in &outline.rules {
        let (word, demand) = demand(rule);
        map.insert(word.to_owned(), demand);
    }
    Value::Object(map)
}

fn demand(rule: &Rule) -> (&'static str, Value) {
    match rule {
        Rule::One(names) => ("oneOf", names.iter().map(|name| json!({"required": [name]})).collect()),
        Rule::NotBoth(names) => ("not", json!({"required": names})),
        Rule::Together(names) => {
            let others = |name: &&str| names.iter().filter(|other| *other != name).copied().collect::<Vec<_>>();
            ("dependentRequired", names.iter().map(|name| ((*name).to_owned(), json!(others(name)))).collect::<Map<_, _>>().into())
        }
    }
}

/// What is refused in a document of kubeadm's; its other fields are kubeadm's to judge.
fn kubeadms(outline: &KubeadmOutline) -> Value {
    let mut schema = json!({"type": "object", "properties": {}, "required": ["apiVersion", "kind"]});
    put(&mut schema, "apiVersion", json!({"const": outline.api_version}));
    put(&mut schema, "kind", json!({"const": outline.kind}));
    // A null says nothing, to kubeadm too.
    for (path, instead) in &outline.never {
        put(&mut schema, path, json!({"description": format!("kubeboot's to set; {instead}"), "type": "null"}));
    }
    for (path, value) in &outline.fixed {
        put(&mut schema, path, json!({"description": "kubeboot's to set", "enum": [value, null]}));
    }
    let mut lists: Vec<&str> = outline.arguments.iter().map(|(list, _)| *list).collect();
    lists.dedup();
    for list in lists {
        let names: Vec<&str> = outline.arguments.iter().filter(|(of, _)| *of == list).map(|(_, name)| *name).collect();
        let owned = json!({"type": "object", "properties": {"name": {"enum": names}}, "required": ["name"]});
        put(&mut schema, list, json!({"items": {"not": owned}}));
    }
    schema
}

/// Puts the schema of a field, by its path, where it belongs.
fn put(schema: &mut Value, path: &str, field: Value) {
    let mut at = schema;
    for name in path.split('.') {
        at = &mut at["properties"][name];
    }
    *at = field;
}
