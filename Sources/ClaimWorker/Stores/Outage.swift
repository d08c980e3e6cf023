import Postgres
import Redis

/// A store is unavailable. This is no failed attempt: the lane waits until the store is back.
enum Outage: Error, CustomStringConvertible {
    case redis(RedisError)
    case postgres(PostgresError)

    var description: String {
        switch self {
        case .redis(let error): "Redis: \(error)"
        case .postgres(let error): "PostgreSQL: \(error)"
        }
    }
}
