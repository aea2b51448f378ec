//! `init`: a site folder.

use crate::{arguments::Init, failure::Failure, site::Site, terminal};

/// Makes a site.
pub(crate) fn run(arguments: &Init) -> Result<u8, Failure> {
    let site = Site::create(&arguments.folder, arguments.stock)?;
    terminal::print(&format!("site made: {}", site.folder.display()));
    terminal::note("its soft HSM holds TEST keys only; it refuses LIVE bundles");
    Ok(0)
}
