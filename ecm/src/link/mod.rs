pub mod wire;
mod session_frame;
