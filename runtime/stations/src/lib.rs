//! Compositions with the trade's names: datagen, perso, validation, mailer, files, report
