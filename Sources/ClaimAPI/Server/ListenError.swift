import Foundation
import NIOCore

/// ClaimAPI can't listen on its address and port, so it does not start.
struct ListenError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    let cause: IOError

    var description: String {
        let reason =
            switch cause.errnoCode {
            case EADDRINUSE: "another program uses the port. Stop it, or set CLAIMS_HTTP_PORT to another port"
            case EADDRNOTAVAIL: "this machine does not have the address. Correct CLAIMS_HTTP_HOST"
            case EACCES: "the process is not allowed to use the port. Set CLAIMS_HTTP_PORT to 1024 or more"
            default: "\(cause)"
            }
        return "cannot listen on \(host):\(port): \(reason)"
    }
}
