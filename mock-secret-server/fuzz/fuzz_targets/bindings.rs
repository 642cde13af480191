//! The HTTP GET and POST bindings: path, method, query and form.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| mock_secret_server::fuzzing::bindings(data));
