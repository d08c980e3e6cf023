package import Postgres

extension PostgresError {
    /// Whether the same transaction may succeed at once: two of them met over the same rows.
    package var isConflict: Bool {
        if isSerializationFailure { return true }
        guard sqlState == "23505" else { return false }
        return constraint == "claims_pkey" || constraint?.hasPrefix("user_claims_") == true
    }
}
