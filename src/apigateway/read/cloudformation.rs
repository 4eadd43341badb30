//! x
use super::Options;
use crate::apigateway::model::Api;
use crate::diagnostic::Diagnostics;
use crate::document::Node;
pub fn read(_root: &Node, _options: &Options, _problems: &mut Diagnostics) -> Option<Api> {
    None
}
