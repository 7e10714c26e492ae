//! RTP and its companions as formats.
