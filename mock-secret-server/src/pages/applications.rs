//! Tools > Manage Applications.
