//! The author's dry run: the runtime joined to soft and virtual drivers, TEST keys only
