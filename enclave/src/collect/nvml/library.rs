//! The driver's library, loaded while the node runs: an image without a driver has none, and nothing links it.

#![expect(unsafe_code, reason = "functions of a C library that is loaded at run time")]

use std::ffi::{CStr, CString, c_void};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::error::NvmlError;
use super::layout::{Certificates, Report, Settings};

/// NVML's number for success.
const SUCCESS: u32 = 0;
/// The GPUs take work of anybody on this machine.
const ACCEPTING: u32 = 1;

/// `nvmlDevice_t`: the library's own pointer, asked for anew with every call.
type Handle = *mut c_void;

/// What of the library is used, each function as `nvml.h` declares it.
#[derive(Debug)]
pub(super) struct Library {
    count: Function<unsafe extern "C" fn(*mut u32) -> u32>,
    device: Function<unsafe extern "C" fn(u32, *mut Handle) -> u32>,
    architecture: Function<unsafe extern "C" fn(Handle, *mut u32) -> u32>,
    settings: Function<unsafe extern "C" fn(*mut Settings) -> u32>,
    certificates: Function<unsafe extern "C" fn(Handle, *mut Certificates) -> u32>,
    report: Function<unsafe extern "C" fn(Handle, *mut Report) -> u32>,
    accepts_work: Function<unsafe extern "C" fn(*mut u32) -> u32>,
    accept_work: Function<unsafe extern "C" fn(u32) -> u32>,
}

impl Library {
    /// Loads and initialises it. It is never unloaded: a call past its deadline may still be inside.
    pub(super) fn load(path: &Path) -> Result<Self, NvmlError> {
        let file = File::open(path)?;
        // SAFETY: `nvmlInit_v2` takes nothing.
        let init: Function<unsafe extern "C" fn() -> u32> = unsafe { file.find(c"nvmlInit_v2") }?;
        // SAFETY: each field's type is the declaration of the function of that name.
        let library = unsafe {
            Self {
                count: file.find(c"nvmlDeviceGetCount_v2")?,
                device: file.find(c"nvmlDeviceGetHandleByIndex_v2")?,
                architecture: file.find(c"nvmlDeviceGetArchitecture")?,
                settings: file.find(c"nvmlSystemGetConfComputeSettings")?,
                certificates: file.find(c"nvmlDeviceGetConfComputeGpuCertificate")?,
                report: file.find(c"nvmlDeviceGetConfComputeGpuAttestationReport")?,
                accepts_work: file.find(c"nvmlSystemGetConfComputeGpusReadyState")?,
                accept_work: file.find(c"nvmlSystemSetConfComputeGpusReadyState")?,
            }
        };
        // SAFETY: as declared; it may be called at any time.
        init.answered(unsafe { (init.call)() })?;
        Ok(library)
    }

    /// How many GPUs the driver has.
    pub(super) fn count(&self) -> Result<u32, NvmlError> {
        let mut count = 0;
        // SAFETY: the library is initialised and writes one number to a place that lives here.
        self.count.answered(unsafe { (self.count.call)(&mut count) })?;
        Ok(count)
    }

    /// The mode of all GPUs together.
    pub(super) fn settings(&self) -> Result<Settings, NvmlError> {
        let mut settings = Settings::asked();
        // SAFETY: the library writes a struct of the version that is named in it.
        self.settings.answered(unsafe { (self.settings.call)(&mut settings) })?;
        Ok(settings)
    }

    /// The number of a GPU's architecture.
    pub(super) fn architecture(&self, gpu: u32) -> Result<u32, NvmlError> {
        let (device, mut architecture) = (self.device(gpu)?, 0);
        // SAFETY: the handle is the library's own; it writes one number to a place that lives here.
        let code = unsafe { (self.architecture.call)(device, &mut architecture) };
        self.architecture.answered(code)?;
        Ok(architecture)
    }

    /// A GPU's certificates, with lengths as the library says them.
    pub(super) fn certificates(&self, gpu: u32) -> Result<Box<Certificates>, NvmlError> {
        let (device, mut certificates) = (self.device(gpu)?, Box::new(Certificates::asked()));
        // SAFETY: as above; the struct has the buffers that the header gives it.
        let code = unsafe { (self.certificates.call)(device, &mut *certificates) };
        self.certificates.answered(code)?;
        Ok(certificates)
    }

    /// A GPU's report over a nonce, with lengths as the library says them.
    pub(super) fn report(&self, gpu: u32, nonce: &[u8; 32]) -> Result<Box<Report>, NvmlError> {
        let (device, mut report) = (self.device(gpu)?, Box::new(Report::asked(*nonce)));
        // SAFETY: as above.
        self.report.answered(unsafe { (self.report.call)(device, &mut *report) })?;
        Ok(report)
    }

    /// Whether the GPUs accept work.
    pub(super) fn accepts_work(&self) -> Result<bool, NvmlError> {
        let mut accepting = 0;
        // SAFETY: the library writes one number to a place that lives here.
        self.accepts_work.answered(unsafe { (self.accepts_work.call)(&mut accepting) })?;
        Ok(accepting == ACCEPTING)
    }

    /// Makes all GPUs accept work.
    pub(super) fn accept_work(&self) -> Result<(), NvmlError> {
        // SAFETY: takes one number.
        self.accept_work.answered(unsafe { (self.accept_work.call)(ACCEPTING) })
    }

    fn device(&self, gpu: u32) -> Result<Handle, NvmlError> {
        let mut device = std::ptr::null_mut();
        // SAFETY: the library writes one pointer of its own to a place that lives here.
        self.device.answered(unsafe { (self.device.call)(gpu, &mut device) })?;
        Ok(device)
    }
}

/// A function of the library, and its name there.
struct Function<F> {
    name: &'static str,
    call: F,
}

impl<F> Function<F> {
    fn answered(&self, code: u32) -> Result<(), NvmlError> {
        if code == SUCCESS { Ok(()) } else { Err(NvmlError::Call { name: self.name, code }) }
    }
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A shared object that stays loaded.
struct File(*mut c_void);

impl File {
    fn open(path: &Path) -> Result<Self, NvmlError> {
        let name = path.display().to_string();
        let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
            return Err(NvmlError::Library { name, reason: "the name holds a zero".to_owned() });
        };
        // SAFETY: runs the initialisers of a library of the measured image, as linking it would.
        let file = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if file.is_null() {
            return Err(NvmlError::Library { name, reason: last_error() });
        }
        Ok(Self(file))
    }

    /// # Safety
    /// `F` must be the pointer type of the function that has this name.
    unsafe fn find<F: Copy>(&self, name: &'static CStr) -> Result<Function<F>, NvmlError> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: the object is loaded and the name ends with a zero.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        let name = name.to_str().unwrap_or_default();
        if found.is_null() {
            return Err(NvmlError::Symbol { name });
        }
        // SAFETY: the caller says that `F` is a function pointer of this function; its size was compared above.
        Ok(Function { name, call: unsafe { std::mem::transmute_copy(&found) } })
    }
}

/// What the loader says of its last failure in this thread.
fn last_error() -> String {
    // SAFETY: null, or a text that lives until the next call of the loader in this thread.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "no reason was given".to_owned();
    }
    // SAFETY: not null, as compared above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
