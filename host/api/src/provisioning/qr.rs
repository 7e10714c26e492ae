//! A text as a QR code in SVG (ISO/IEC 18004).

use qrcode::render::svg::Color;
use qrcode::{EcLevel, QrCode};

use crate::problem::{Code, Problem};

/// The picture; what is too long for one is a fault of ours.
pub(crate) fn svg(text: &str) -> Result<String, Problem> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M);
    let code = code.map_err(|fault| Problem::new(Code::Fault, format!("no QR code: {fault}")))?;
    Ok(code.render::<Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build())
}
