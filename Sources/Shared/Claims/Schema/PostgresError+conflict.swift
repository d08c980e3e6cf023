package import Postgres

extension PostgresError {
    /// Whether the transaction conflicted with another one over the same rows, so that an immediate retry may succeed.
    package var isConflict: Bool {
        if isSerializationFailure { return true }
        guard sqlState == "23505" else { return false }
        return constraint == "claims_pkey" || constraint?.hasPrefix("user_claims_") == true
    }
}
