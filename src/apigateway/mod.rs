//! API Gateway's REST APIs: what a definition (OpenAPI with `x-amazon-apigateway-*`) says, and how it is carried out.
//! Pure: it is given requests and answers and gives back what is to be sent; it opens no file and no connection.

pub mod execute;
pub mod model;
pub mod read;
#[cfg(test)]
mod recordings;
pub mod route;
pub mod write;
