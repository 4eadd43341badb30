//! Definitions as large as API Gateway takes them. `cargo bench --bench apigateway` loads them too.

use std::fmt::Write as _;

/// A definition of as many resources, with five methods each.
pub fn definition(resources: usize) -> String {
    let mut text = String::from("{\"openapi\": \"3.0.1\", \"info\": {\"title\": \"t\"}, \"paths\": {\n");
    for resource in 0..resources {
        let comma = if resource == 0 { "" } else { ",\n" };
        let _ = write!(text, "{comma}\"/r{}/{{id}}/s{resource}\": {{", resource % 40);
        for (index, verb) in ["get", "put", "post", "delete", "patch"].into_iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(
                text,
                r##"{comma}"{verb}": {{
  "parameters": [{{"name": "id", "in": "path", "required": true}}],
  "requestBody": {{"content": {{"application/json": {{"schema": {{"$ref": "#/components/schemas/M{}"}}}}}}}},
  "responses": {{"200": {{"description": "ok", "headers": {{"X": {{}}}}}}, "404": {{}}}},
  "x-amazon-apigateway-integration": {{"type": "http", "httpMethod": "GET", "uri": "http://legacy/r/{{id}}",
    "requestParameters": {{"integration.request.path.id": "method.request.path.id"}},
    "requestTemplates": {{"application/json": "#set($id = $input.params('id'))\n{{\"id\": \"$id\", \"r\": {resource}}}"}},
    "responses": {{"4\\d{{2}}": {{"statusCode": "404", "responseTemplates": {{"application/json": "{{\"message\": $input.json('$.errors[{resource}].message')}}"}}}},
      "default": {{"statusCode": "200", "responseParameters": {{"method.response.header.X": "integration.response.header.X"}}}}}}}}}}"##,
                resource % 50
            );
        }
        text.push('}');
    }
    text.push_str("\n}, \"components\": {\"schemas\": {");
    for model in 0..50 {
        let comma = if model == 0 { "" } else { ", " };
        let _ = write!(
            text,
            r#"{comma}"M{model}": {{"type": "object", "properties": {{"a": {{"type": "string"}}}}}}"#
        );
    }
    text.push_str("}}}");
    text
}
