//! mock-appliance
