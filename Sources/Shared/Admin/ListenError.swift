internal import Foundation
package import NIOCore
package import Settings

/// A program cannot listen on its address and port, so it does not start.
package struct ListenError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    let hostSetting: Setting
    let portSetting: Setting
    let cause: IOError

    /// - Parameters:
    ///   - hostSetting: the setting of the address.
    ///   - portSetting: the setting of the port.
    package init(host: String, port: Int, hostSetting: Setting, portSetting: Setting, cause: IOError) {
        self.host = host
        self.port = port
        self.hostSetting = hostSetting
        self.portSetting = portSetting
        self.cause = cause
    }

    package var description: String {
        let reason =
            switch cause.errnoCode {
            case EADDRINUSE: "another program uses the port. Stop it, or set \(portSetting.name) to another port"
            case EADDRNOTAVAIL: "this machine does not have the address. Correct \(hostSetting.name)"
            case EACCES: "the process is not allowed to use the port. Set \(portSetting.name) to 1024 or more"
            default: "\(cause)"
            }
        return "cannot listen on \(host):\(port): \(reason)"
    }
}
