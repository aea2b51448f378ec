//! The Cardwright language: grammar, lossless tree, typed views, formatter
