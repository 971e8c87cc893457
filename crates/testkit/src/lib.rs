//! What tests share: brokers, stores, a fleet of real processes.
