//! The wrapper of public Python functions. Compiled frames do not appear in tracebacks, so the
//! frames that `explain` removes here stay removed.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

/// Wraps a Python function: `explain(function, args, kwargs, error)` returns the exception to raise
/// instead of an error.
#[pyclass(frozen, dict, module = "raftlab._core")]
pub(super) struct Public {
    function: Py<PyAny>,
    explain: Py<PyAny>,
}

#[pymethods]
impl Public {
    #[new]
    fn new(function: Py<PyAny>, explain: Py<PyAny>) -> Self {
        Self { function, explain }
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        self.function.call(py, args, kwargs).map_err(|error| {
            if !error.is_instance_of::<PyException>(py) {
                return error; // such as KeyboardInterrupt
            }
            let kwargs = kwargs.map_or_else(|| PyDict::new(py), Bound::clone);
            let raised = error.clone_ref(py).into_value(py); // with its traceback
            match self.explain.call1(py, (&self.function, args, kwargs, raised)) {
                Ok(explained) => PyErr::from_value(explained.into_bound(py)),
                Err(bug) => {
                    bug.set_cause(py, Some(error));
                    bug
                }
            }
        })
    }

    /// Binds to an instance, as a function in a class does.
    fn __get__<'py>(
        slf: Bound<'py, Self>,
        instance: Option<Bound<'py, PyAny>>,
        _owner: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static METHOD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = slf.py();
        let Some(instance) = instance else { return Ok(slf.into_any()) };
        let method = METHOD
            .get_or_try_init(py, || py.import("types")?.getattr("MethodType").map(Bound::unbind))?;
        method.bind(py).call1((slf, instance))
    }

    /// Other attributes of functions, such as `__code__`.
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).getattr(name)
    }

    /// Pickled by its name, as functions are.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr("__qualname__")
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.function.bind(py).repr()?.to_string())
    }
}
