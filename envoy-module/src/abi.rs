//! What Envoy and its modules say to each other: the few functions of its `abi.h`, v0.2.0 (Envoy 1.40), that Candor
//! calls, by their names there, and a safe way to call them. All that is unsafe about talking to Envoy is here.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::{ptr, slice};

use bytes::{Bytes, BytesMut};

/// The version that this module speaks. Envoy compares it with its own and refuses a module that it cannot work with.
pub const VERSION: &CStr = c"v0.2.0";

/// Something of Envoy's that only it knows.
pub type Envoys = *mut c_void;

/// Bytes of Envoy's, until the hook returns or something is set.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EnvoyBuffer {
    ptr: *const u8,
    length: usize,
}

/// Bytes of the module's, until the call returns.
#[repr(C)]
#[derive(Clone, Copy)]
struct ModuleBuffer<'b> {
    ptr: *const u8,
    length: usize,
    of: PhantomData<&'b [u8]>,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct EnvoyHeader {
    key: EnvoyBuffer,
    value: EnvoyBuffer,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct ModuleHeader<'b> {
    key: ModuleBuffer<'b>,
    value: ModuleBuffer<'b>,
}

/// Which headers, `envoy_dynamic_module_type_http_header_type`.
#[repr(u32)]
#[derive(Debug, Clone, Copy)]
pub enum Head {
    /// The request's.
    Request = 0,
    /// The answer's.
    Response = 2,
}

/// Which bytes of the answer's body, `envoy_dynamic_module_type_http_body_type`.
#[repr(u32)]
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Those that the hook is told of.
    Received = 2,
    /// Those that came before and are held.
    Buffered = 3,
}

/// As many headers of a head, or pieces of a body, have their place without an allocation.
const FEW: usize = 32;

/// `source.address` among `envoy_dynamic_module_type_attribute_id`.
const SOURCE_ADDRESS: u32 = 24;

unsafe extern "C" {
    fn envoy_dynamic_module_callback_http_get_headers_size(stream: Envoys, head: Head) -> usize;
    fn envoy_dynamic_module_callback_http_get_headers(
        stream: Envoys,
        head: Head,
        result: *mut EnvoyHeader,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_header(
        stream: Envoys,
        head: Head,
        key: ModuleBuffer<'_>,
        value: ModuleBuffer<'_>,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_add_header(
        stream: Envoys,
        head: Head,
        key: ModuleBuffer<'_>,
        value: ModuleBuffer<'_>,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_body_size(stream: Envoys, body: Body) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks_size(stream: Envoys, body: Body) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks(
        stream: Envoys,
        body: Body,
        result: *mut EnvoyBuffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_append_body(
        stream: Envoys,
        body: Body,
        data: ModuleBuffer<'_>,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_drain_body(stream: Envoys, body: Body, bytes: usize) -> bool;
    fn envoy_dynamic_module_callback_http_get_buffer_limit(stream: Envoys) -> u64;
    fn envoy_dynamic_module_callback_http_set_buffer_limit(stream: Envoys, limit: u64);
    fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        stream: Envoys,
        attribute: u32,
        result: *mut EnvoyBuffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_filter_continue_encoding(stream: Envoys);
    fn envoy_dynamic_module_callback_http_filter_scheduler_new(stream: Envoys) -> Envoys;
    fn envoy_dynamic_module_callback_http_filter_scheduler_commit(scheduler: Envoys, event: u64);
    fn envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler: Envoys);
    fn envoy_dynamic_module_callback_http_send_response(
        stream: Envoys,
        status: u32,
        headers: *const ModuleHeader<'_>,
        headers_size: usize,
        body: ModuleBuffer<'_>,
        details: ModuleBuffer<'_>,
    );
}

impl EnvoyBuffer {
    const EMPTY: EnvoyBuffer = EnvoyBuffer { ptr: ptr::null(), length: 0 };

    /// The bytes.
    ///
    /// # Safety
    /// Envoy gave them, the hook has not returned, and nothing was set since.
    pub unsafe fn bytes<'b>(self) -> &'b [u8] {
        if self.ptr.is_null() {
            return &[];
        }
        // SAFETY: so says the caller, and the pointer is not null.
        unsafe { slice::from_raw_parts(self.ptr, self.length) }
    }
}

impl EnvoyHeader {
    const EMPTY: EnvoyHeader = EnvoyHeader { key: EnvoyBuffer::EMPTY, value: EnvoyBuffer::EMPTY };
}

/// Room for so many of what Envoy lists: `few` will mostly do.
fn room<'r, T: Clone>(size: usize, few: &'r mut [T], many: &'r mut Vec<T>, empty: T) -> &'r mut [T] {
    if size > few.len() {
        many.resize(size, empty);
        return many;
    }
    few.get_mut(..size).unwrap_or_default()
}

impl<'b> From<&'b [u8]> for ModuleBuffer<'b> {
    fn from(bytes: &'b [u8]) -> ModuleBuffer<'b> {
        ModuleBuffer { ptr: bytes.as_ptr(), length: bytes.len(), of: PhantomData }
    }
}

/// An exchange, for as long as one of its hooks runs.
pub struct Stream<'h>(Envoys, PhantomData<&'h ()>);

impl Stream<'_> {
    /// The exchange that a hook was called for.
    ///
    /// # Safety
    /// Envoy gave the pointer to the hook that is running, and the value does not outlive it.
    pub unsafe fn new<'h>(stream: Envoys) -> Stream<'h> {
        Stream(stream, PhantomData)
    }

    /// Shows every header's name, in lower case, and value; names with a colon are among them.
    pub fn headers(&self, head: Head, mut show: impl FnMut(&[u8], &[u8])) {
        // SAFETY: the hook is running.
        let size = unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.0, head) };
        let (mut few, mut many) = ([EnvoyHeader::EMPTY; FEW], Vec::new());
        let headers = room(size, &mut few, &mut many, EnvoyHeader::EMPTY);
        // SAFETY: the hook is running, and there is room for as many headers as Envoy says there are.
        let is_there =
            unsafe { envoy_dynamic_module_callback_http_get_headers(self.0, head, headers.as_mut_ptr()) };
        if !is_there {
            return;
        }
        for EnvoyHeader { key, value } in headers.iter() {
            // SAFETY: `show` has no way to set anything before it returns.
            let name = unsafe { key.bytes() };
            // SAFETY: the same.
            show(name, unsafe { value.bytes() });
        }
    }

    /// Puts this in place of all values of a header.
    pub fn set_header(&mut self, head: Head, name: &[u8], value: &[u8]) {
        // SAFETY: the hook is running, and the bytes are there until the call returns.
        unsafe { envoy_dynamic_module_callback_http_set_header(self.0, head, name.into(), value.into()) };
    }

    /// Adds a value to a header.
    pub fn add_header(&mut self, head: Head, name: &[u8], value: &[u8]) {
        // SAFETY: as above.
        unsafe { envoy_dynamic_module_callback_http_add_header(self.0, head, name.into(), value.into()) };
    }

    /// Takes a header off.
    pub fn remove_header(&mut self, head: Head, name: &[u8]) {
        let nothing = ModuleBuffer { ptr: ptr::null(), length: 0, of: PhantomData };
        // SAFETY: as above; a value that is null means that there is none.
        unsafe { envoy_dynamic_module_callback_http_set_header(self.0, head, name.into(), nothing) };
    }

    /// A copy of the bytes.
    pub fn body(&self, body: Body) -> Bytes {
        // SAFETY: the hook is running.
        let size = unsafe { envoy_dynamic_module_callback_http_get_body_chunks_size(self.0, body) };
        let (mut few, mut many) = ([EnvoyBuffer::EMPTY; FEW], Vec::new());
        let chunks = room(size, &mut few, &mut many, EnvoyBuffer::EMPTY);
        // SAFETY: the hook is running, and there is room for as many chunks as Envoy says there are.
        let is_there =
            unsafe { envoy_dynamic_module_callback_http_get_body_chunks(self.0, body, chunks.as_mut_ptr()) };
        if !is_there {
            return Bytes::new();
        }
        let mut bytes = BytesMut::with_capacity(chunks.iter().map(|chunk| chunk.length).sum());
        for chunk in chunks.iter() {
            // SAFETY: nothing is set meanwhile.
            bytes.extend_from_slice(unsafe { chunk.bytes() });
        }
        bytes.freeze()
    }

    fn body_size(&self, body: Body) -> usize {
        // SAFETY: the hook is running.
        unsafe { envoy_dynamic_module_callback_http_get_body_size(self.0, body) }
    }

    /// Takes all bytes away.
    pub fn drain_body(&mut self, body: Body) {
        let size = self.body_size(body);
        // SAFETY: the hook is running.
        unsafe { envoy_dynamic_module_callback_http_drain_body(self.0, body, size) };
    }

    /// Adds bytes at the end.
    pub fn append_body(&mut self, body: Body, bytes: &[u8]) {
        // SAFETY: the hook is running, and the bytes are there until the call returns.
        unsafe { envoy_dynamic_module_callback_http_append_body(self.0, body, bytes.into()) };
    }

    /// Has Envoy hold at least so many bytes before it answers with an error of its own.
    pub fn allow_buffering(&mut self, bytes: u64) {
        // SAFETY: the hook is running.
        let limit = unsafe { envoy_dynamic_module_callback_http_get_buffer_limit(self.0) };
        if limit < bytes {
            // SAFETY: the hook is running.
            unsafe { envoy_dynamic_module_callback_http_set_buffer_limit(self.0, bytes) };
        }
    }

    /// The client's address and port.
    pub fn source_address(&self) -> Option<SocketAddr> {
        let mut address = EnvoyBuffer::EMPTY;
        // SAFETY: the hook is running, and there is room for the result.
        let is_there = unsafe {
            envoy_dynamic_module_callback_http_filter_get_attribute_string(
                self.0,
                SOURCE_ADDRESS,
                &raw mut address,
            )
        };
        // SAFETY: nothing was set since.
        let address = unsafe { address.bytes() };
        str::from_utf8(address).ok().filter(|_| is_there)?.parse().ok()
    }

    /// A way to have the exchange's `scheduled` hook called, later and from any thread.
    pub fn bell(&self) -> Bell {
        // SAFETY: the hook is running.
        Bell(unsafe { envoy_dynamic_module_callback_http_filter_scheduler_new(self.0) })
    }

    /// What was stopped of the answer goes on, in a hook that is not the answer's own.
    pub fn continue_answer(&mut self) {
        // SAFETY: the hook is running.
        unsafe { envoy_dynamic_module_callback_http_filter_continue_encoding(self.0) };
    }

    /// Answers the client. The upstream's answer, if there is one, goes no further.
    pub fn respond<'b>(
        &mut self,
        status: u16,
        headers: impl Iterator<Item = (&'b [u8], &'b [u8])>,
        body: &[u8],
        details: &str,
    ) {
        let headers: Vec<ModuleHeader<'b>> =
            headers.map(|(key, value)| ModuleHeader { key: key.into(), value: value.into() }).collect();
        // SAFETY: the hook is running, and all bytes are there until the call returns.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.0,
                status.into(),
                headers.as_ptr(),
                headers.len(),
                body.into(),
                details.as_bytes().into(),
            );
        }
    }
}

/// Calls an exchange's `scheduled` hook, on the thread of the exchange; in vain where the exchange has ended.
#[derive(Debug)]
pub struct Bell(Envoys);

// SAFETY: Envoy made it to be used from other threads, and keeps only weak hold of the exchange.
unsafe impl Send for Bell {}

impl Bell {
    /// The hook is called soon.
    pub fn ring(&self) {
        // SAFETY: it is deleted with this value and not before.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_commit(self.0, 0) };
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_delete(self.0) };
    }
}
