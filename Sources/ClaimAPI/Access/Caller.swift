import Claims

/// Who sends a request.
enum Caller: Hashable, Sendable {
    /// Not known: the route or the whole API is open.
    case anyone
    /// A user, by a JWT.
    case user(UserID)
    /// A service, by an API key.
    case service(ServiceIdentity)
    /// The holder of a ticket for one claim.
    case ticket(ClaimID)

    /// The user whose access is limited to their own data; nil for callers without that limit.
    var user: UserID? {
        if case .user(let user) = self { user } else { nil }
    }

    /// The name that the audit trail records.
    var operatorName: String {
        switch self {
        case .anyone: "HTTP, without a token"
        case .user(let user): "user \(user)"
        case .service(let service): "key \(service.id) (\(service.name))"
        case .ticket: "ticket"
        }
    }

    /// Returns whether the caller may see and change a claim.
    ///
    /// After a wipe of Redis, the user of a pending claim is unknown until the claim is decided. Until then, every user
    /// who has the id sees that the claim is pending. Ids cannot be guessed.
    func owns(_ claim: Claim) -> Bool {
        switch self {
        case .anyone, .service: true
        case .user(let user): claim.userID.map { $0 == user } ?? true
        case .ticket(let id): claim.id == id
        }
    }

    /// Returns the user that a request is for.
    ///
    /// - Parameter named: the user that the request names; nil if it names none.
    /// - Returns: nil if no user is named and the caller is not one.
    /// - Throws: ``Problem`` `forbidden_user` if a user names another one.
    func subject(named: UserID?) throws(Problem) -> UserID? {
        guard let user else { return named }
        guard named == nil || named == user else { throw .forbiddenUser }
        return user
    }
}

/// A service, as its API key names it.
struct ServiceIdentity: Hashable, Sendable {
    /// The id of the key.
    let id: String
    let name: String
    let scopes: Scopes
}
