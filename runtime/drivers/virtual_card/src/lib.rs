//! A strict GlobalPlatform and EMV chip in memory
